// SPDX-License-Identifier: Apache-2.0
//
// Layout of the ledger segment: /trackshm.<namespace>.ledger.<uid>, the aggregator's state across all processes.
//
//   LedgerHeader            counters of ended processes, where the undo log stands
//   DeviceAccount[256]      slot order: the order in which devices were first seen
//   MemoryAccount[256][16]
//   ExitedAccount[256]      a ring; exited.processes % 256 is the next one
//   undo log                see undo_log.hpp
//   DeviceAnnex[256]        in slot order: what is large, each with storage of its own once its device is known
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/details_abi.hpp"
#include "shm/stats_abi.hpp"

namespace trackshm::aggregator {

inline constexpr std::uint64_t ledger_magic = 0x3152474c4b435254;  // "TRCKLGR1" in memory order

struct LedgerHeader {
    std::uint64_t magic;
    std::uint32_t layout;
    std::uint32_t uid;
    std::uint64_t boot_id;
    std::uint64_t start_count;
    std::uint64_t nonce;            // tells this ledger from those before and after it

    std::uint64_t log_state;        // LogState: the one word whose store commits a batch
    std::uint64_t log_bytes;        // records below this offset are complete
    std::uint64_t log_table_nonce;  // the process whose table the records of this batch belong to
    std::int64_t log_table_pid;

    std::uint64_t devices;
    shm::ExitedTotals exited;
    std::uint64_t quarantined_processes;
    shm::EventCounters ended;       // sums over processes that ended; `pending` is always 0
};

// Who holds what at the peak is not written down when a peak is reached, which may be at every event, but when it first
// changes after it. `peak_epoch` counts the peaks; a usage cell carries the epoch in which it was last changed and what
// was live in it before that (table_abi.hpp). See docs/decisions/0009. At every commit, for each device,
//     peak_bytes = sum over usage cells of share_of_peak() + what processes that ended had (DeviceAnnex)
struct DeviceAccount {
    std::uint32_t device;
    std::uint32_t peak_exact;
    std::uint64_t live_bytes;
    std::uint64_t peak_bytes;
    std::uint64_t interval_peak_bytes;  // most live since the last sample of the history, at least live_bytes
    std::uint64_t peak_epoch;
    std::uint64_t peak_unix_ns;
    char name[shm::name_bytes];
};
static_assert(offsetof(DeviceAccount, name) <= 64, "what every event changes is in one cache line's worth");

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

// Shares of a device's peak whose holders ended since. They mean nothing once `epoch` is not the device's.
struct EndedHolders {
    std::uint64_t epoch;
    std::uint64_t count;
    shm::HolderRow holders[stats::max_peak_holders];  // the largest; what the others had, nobody needs to know by name
};

struct SizeClassAccount {
    std::uint64_t allocated[shm::size_class_count];  // ever
};

struct FailureAccount {
    shm::FailureRow last;
    std::uint64_t buffers;
    shm::BufferRow largest[stats::max_large_buffers];
};

struct DeviceAnnex {
    SizeClassAccount classes[shm::type_count];
    EndedHolders ended;
    FailureAccount failure;
};

inline constexpr std::uint64_t accounts_offset = shm::round_to_page(sizeof(LedgerHeader));
inline constexpr std::uint64_t memories_offset = accounts_offset + shm::max_devices * sizeof(DeviceAccount);
inline constexpr std::uint64_t exited_offset = memories_offset + shm::max_type_rows * sizeof(MemoryAccount);
inline constexpr std::uint64_t log_offset =
    shm::round_to_page(exited_offset + shm::max_exited * sizeof(shm::ExitedRow));
inline constexpr std::uint64_t log_capacity_bytes = std::uint64_t{4} << 20;
// The end of it is for accounts, each of which a batch saves once: it is never the log that keeps one from being saved.
inline constexpr std::uint64_t log_reserve_bytes = std::uint64_t{1} << 20;
inline constexpr std::uint64_t annexes_offset = log_offset + log_capacity_bytes;
inline constexpr std::uint64_t annex_bytes = shm::round_to_page(sizeof(DeviceAnnex));
inline constexpr std::uint64_t ledger_segment_bytes = annexes_offset + shm::max_devices * annex_bytes;
static_assert(annex_bytes == 2 * shm::page_bytes, "what a device takes, a growth of it is to be noticed");

}  // namespace trackshm::aggregator
