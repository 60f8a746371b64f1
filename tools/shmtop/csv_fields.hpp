// SPDX-License-Identifier: Apache-2.0
//
// The columns that --query can ask for, and what a row with them is about.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <trackshm/stats.hpp>

#include "shmtop/memory_sum.hpp"

namespace trackshm::tools {

// What a row is about. The bits are for sets of kinds.
enum class RowKind : unsigned {
    whole = 1,     // everything together
    device = 2,
    memory = 4,    // one type of one device
    process = 8,
    usage = 16,    // one process in one memory
};

// Everything a field may look at. Pointers are null where the kind of row has no such thing.
struct CsvRow {
    const stats::Snapshot& snapshot;
    const stats::Device* device = nullptr;
    const stats::Process* process = nullptr;
    std::optional<std::uint32_t> device_id{};
    std::optional<std::uint8_t> type{};
    MemorySum sum{};
    std::uint64_t peak_bytes = 0;
    bool peak_exact = true;
};

struct CsvField {
    std::string_view name;
    unsigned kinds;  // of rows it is known of
    std::string_view help;
    std::string (*text)(const CsvRow& row);  // not quoted; empty: unknown

    bool is_known_of(RowKind kind) const noexcept { return (kinds & static_cast<unsigned>(kind)) != 0; }
};

const std::vector<CsvField>& csv_fields();

// The rows of one kind that a snapshot has.
std::vector<CsvRow> csv_rows_of(const stats::Snapshot& snapshot, RowKind kind);

}  // namespace trackshm::tools
