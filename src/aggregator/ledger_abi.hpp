// SPDX-License-Identifier: Apache-2.0
//
// Layout of the ledger segment: /trackshm.<namespace>.ledger.<uid>, the aggregator's state across all processes.
//
//   LedgerHeader            counters of ended processes, where the undo log stands
//   DeviceAccount[256]      slot order: the order in which devices were first seen
//   MemoryAccount[256][16]
//   ExitedAccount[256]      a ring; exited_count % 256 is the next one
//   undo log                see undo_log.hpp
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/stats_abi.hpp"

namespace trackshm::aggregator {

inline constexpr std::uint64_t ledger_magic = 0x3152474c4b435254;  // "TRCKLGR1" in memory order

struct LedgerHeader {
    std::uint64_t magic;
    std::uint32_t layout;
    std::uint32_t uid;
    std::uint64_t boot_id;
    std::uint64_t start_count;

    std::uint64_t log_state;        // LogState: the one word whose store commits a batch
    std::uint64_t log_bytes;        // records below this offset are complete
    std::uint64_t log_table_nonce;  // the process whose table the records of this batch belong to
    std::int64_t log_table_pid;

    std::uint64_t devices;
    std::uint64_t exited_count;
    std::uint64_t quarantined_processes;
    shm::EventCounters ended;       // sums over processes that ended; `pending` is always 0
};

struct DeviceAccount {
    std::uint32_t device;
    std::uint32_t peak_exact;
    std::uint64_t live_bytes;
    std::uint64_t peak_bytes;
    char name[shm::name_bytes];
};

struct MemoryAccount {  // live buffers = allocations - deallocations
    std::uint64_t live_bytes;
    std::uint64_t gauge_bytes;
    std::uint64_t peak_bytes;
    std::uint64_t capacity_bytes;  // or shm::unknown_capacity
    std::uint64_t allocations;
    std::uint64_t allocated_bytes;
    std::uint64_t deallocations;
    std::uint64_t deallocated_bytes;
    std::uint64_t allocation_failures;
    std::uint64_t seen;            // 1 once any event named it
};

inline constexpr std::uint64_t accounts_offset = shm::round_to_page(sizeof(LedgerHeader));
inline constexpr std::uint64_t memories_offset = accounts_offset + shm::max_devices * sizeof(DeviceAccount);
inline constexpr std::uint64_t exited_offset = memories_offset + shm::max_type_rows * sizeof(MemoryAccount);
inline constexpr std::uint64_t log_offset =
    shm::round_to_page(exited_offset + shm::max_exited * sizeof(shm::ExitedRow));
inline constexpr std::uint64_t log_capacity_bytes = std::uint64_t{4} << 20;
// The end of it is for accounts, each of which a batch saves once: it is never the log that keeps one from being saved.
inline constexpr std::uint64_t log_reserve_bytes = std::uint64_t{1} << 20;
inline constexpr std::uint64_t ledger_segment_bytes = log_offset + log_capacity_bytes;

}  // namespace trackshm::aggregator
