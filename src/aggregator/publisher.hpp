// SPDX-License-Identifier: Apache-2.0
//
// Writes the ledger's and the processes' figures into the stats segment, where readers find them (publication.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/history.hpp"
#include "aggregator/ledger.hpp"
#include "aggregator/process.hpp"
#include "aggregator/row_section.hpp"
#include "shm/details_abi.hpp"
#include "shm/publication.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

class Publisher {
public:
    enum class OpenResult { ok, served_by_another, failed };

    // Takes the stats segment of (namespace, uid) over, or creates it, and holds its lock for as long as it lives. The
    // lock is what makes an aggregator the one of its namespace. `mode` is the file's permissions.
    OpenResult open(const std::string& name_space, std::uint32_t uid, unsigned mode, std::string& error);

    // `waiting` processes are there, but cannot be tracked now.
    void publish(const Ledger& ledger, const History& history,
                 const std::vector<std::unique_ptr<TrackedProcess>>& processes, std::uint64_t waiting);
    void beat(std::uint64_t now_monotonic_ns) noexcept;
    // After a failed start: a segment that this run created goes again.
    void withdraw() noexcept;
    void announce(std::uint64_t start_count) noexcept;

    // For what else is published in it.
    shm::Segment& segment() noexcept { return segment_; }

private:
    bool discard() noexcept;
    bool try_open(const std::string& name, std::uint32_t uid, OpenResult& result, std::string& error);
    bool try_create(const std::string& name, const std::string& name_space, std::uint32_t uid, unsigned mode,
                    std::string& error);
    void collect_devices(const Ledger& ledger, const History& history);
    void collect_process(TrackedProcess& process);
    void collect_exited(const Ledger& ledger);
    bool reserve_details() noexcept;
    template <class Row>
    void store_rows(std::size_t block, std::uint64_t offset, const std::vector<Row>& rows) noexcept;

    shm::StatsHeader* header() const noexcept { return segment_.at<shm::StatsHeader>(0); }

    shm::Segment segment_;
    bool created_ = false;

    // The block under construction, in private memory.
    shm::BlockHeader block_{};
    std::vector<shm::DeviceRow> devices_;
    std::vector<shm::TypeRow> types_;
    std::vector<shm::ProcessRow> rows_;
    std::vector<shm::ExitedRow> exited_;
    std::vector<shm::UsageRow> usage_;
    RowSection<shm::UsageRow> usage_section_{
        segment_, {shm::first_block_offset, shm::block_bytes, shm::usage_rows_offset, shm::max_usage_rows}};
};

}  // namespace trackshm::aggregator
