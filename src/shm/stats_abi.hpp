// SPDX-License-Identifier: Apache-2.0
//
// Layout of the stats segment: /trackshm.<namespace>.stats.<uid>
//
//   StatsHeader
//   block 0: BlockHeader, DeviceRow[], TypeRow[], ProcessRow[], ExitedRow[], UsageRow[]
//   block 1: the same
//   details and history     see details_abi.hpp
//
// The aggregator writes the block that is not current and then makes it current (see publication.hpp). One generation
// covers all rows, so sums across devices and processes agree. Sections have room for every row the limits allow;
// pages nobody wrote take no memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shm/event.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::shm {

inline constexpr std::uint64_t stats_magic = 0x31544154534b5254;  // "TRKSTAT1" in memory order

inline constexpr std::uint32_t max_devices = 256;
inline constexpr std::uint32_t max_processes = 1024;
inline constexpr std::uint32_t max_exited = 256;
inline constexpr std::uint32_t max_type_rows = max_devices * type_count;
inline constexpr std::uint32_t max_usage_rows = 128 * 1024;  // published; the ledger itself has no such limit

inline constexpr std::uint64_t unknown_capacity = ~std::uint64_t{0};

struct EventCounters {  // reported = applied + pending + coalesced + dropped
    std::uint64_t reported;
    std::uint64_t applied;
    std::uint64_t pending;
    std::uint64_t coalesced;
    std::uint64_t dropped;
    std::uint64_t unknown_frees;
    std::uint64_t ambiguous_frees;
    std::uint64_t implicit_frees;
    std::uint64_t rejected;
};

struct ExitedTotals {  // over all processes that ever ended, those of whom there is no row any more too
    std::uint64_t processes;
    std::uint64_t leaked_bytes;
    std::uint64_t leaked_buffers;
};

// Rows are whole 64-bit words, so that a block can be copied word by word with atomics.
struct BlockHeader {
    std::uint64_t publish_seq;
    std::uint64_t publish_monotonic_ns;
    std::uint64_t exact;  // 0 or 1
    std::uint64_t quarantined_processes;
    std::uint64_t waiting_processes;  // found, but there is no room to track them
    std::uint64_t usage_rows_omitted;
    EventCounters events;
    ExitedTotals exited_totals;
    std::uint32_t devices;
    std::uint32_t types;
    std::uint32_t processes;
    std::uint32_t exited;
    std::uint64_t usage_rows;
};

struct DeviceRow {
    std::uint32_t device;
    std::uint32_t peak_exact;
    std::uint64_t peak_bytes;
    std::uint64_t peak_15s_bytes;
    std::uint64_t peak_60s_bytes;
    char name[name_bytes];
};

struct TypeRow {
    std::uint32_t device;
    std::uint32_t type;
    std::uint64_t live_bytes;  // gauges included
    std::uint64_t gauge_bytes;
    std::uint64_t peak_bytes;
    std::uint64_t capacity_bytes;  // or unknown_capacity
    std::uint64_t allocations;
    std::uint64_t allocated_bytes;
    std::uint64_t deallocations;
    std::uint64_t deallocated_bytes;
    std::uint64_t allocation_failures;
};

struct ProcessRow {
    std::int32_t pid;
    std::int32_t own_pid;
    std::uint32_t uid;
    std::uint32_t flags;  // ProcessFlag
    char comm[16];
    std::uint64_t live_bytes;
    std::uint64_t live_buffers;
    std::uint64_t peak_bytes;
    std::uint64_t usage_rows;  // this many of the UsageRow section, in order of processes
    EventCounters events;
};

enum ProcessFlag : std::uint32_t {
    process_exact = 1,
    process_peak_exact = 2,
    process_quarantined = 4,
    process_clean = 8,  // ExitedRow only
    process_starved = 16,  // no room for its buffer table: its events wait in its lanes
    process_execed = 32,   // ExitedRow only: another program took its place
};

struct ExitedRow {
    std::int32_t pid;
    std::uint32_t uid;
    std::uint64_t flags;  // ProcessFlag
    char comm[16];
    std::uint64_t end_unix_ns;
    std::uint64_t leaked_bytes;
    std::uint64_t leaked_buffers;
    std::uint64_t peak_bytes;
};

struct UsageRow {
    std::uint32_t device;
    std::uint32_t type;
    std::uint64_t live_bytes;
    std::uint64_t live_buffers;
    std::uint64_t peak_bytes;
};

// Sections of a block, as offsets from its start.
inline constexpr std::uint64_t device_rows_offset = sizeof(BlockHeader);
inline constexpr std::uint64_t type_rows_offset = device_rows_offset + max_devices * sizeof(DeviceRow);
inline constexpr std::uint64_t process_rows_offset = type_rows_offset + max_type_rows * sizeof(TypeRow);
inline constexpr std::uint64_t exited_rows_offset = process_rows_offset + max_processes * sizeof(ProcessRow);
inline constexpr std::uint64_t usage_rows_offset = exited_rows_offset + max_exited * sizeof(ExitedRow);
inline constexpr std::uint64_t block_bytes =
    round_to_page(usage_rows_offset + std::uint64_t{max_usage_rows} * sizeof(UsageRow));

struct StatsHeader {
    std::atomic<std::uint64_t> magic;  // stored last, with release
    std::uint32_t layout;
    std::uint32_t uid;
    std::uint64_t segment_bytes;
    std::uint64_t block_bytes;
    std::uint64_t boot_id;
    char name_space[40];

    std::atomic<std::int32_t> aggregator_pid;
    std::atomic<std::uint64_t> start_count;

    // Alive and running: CLOCK_MONOTONIC of the aggregator's last turn, at least twice a second. That it is alive at
    // all is told by the lock on byte 0 (record_lock.hpp); the heartbeat tells a stopped one from an idle one.
    alignas(line_bytes) std::atomic<std::uint64_t> heartbeat_monotonic_ns;

    // Block `generation & 1` is current. See publication.hpp.
    alignas(line_bytes) std::atomic<std::uint64_t> generation;
    std::atomic<std::uint64_t> writing;

    // The same for the details blocks.
    alignas(line_bytes) std::atomic<std::uint64_t> details_generation;
    std::atomic<std::uint64_t> details_writing;
    // The ledger whose past the history is. With another one it begins anew, since the totals do.
    std::atomic<std::uint64_t> history_ledger_nonce;
};

inline constexpr std::uint64_t first_block_offset = round_to_page(sizeof(StatsHeader));

static_assert(sizeof(BlockHeader) % 8 == 0 && sizeof(DeviceRow) % 8 == 0 && sizeof(TypeRow) % 8 == 0 &&
                  sizeof(ProcessRow) % 8 == 0 && sizeof(ExitedRow) % 8 == 0 && sizeof(UsageRow) % 8 == 0,
              "rows are copied as 64-bit words");
static_assert(offsetof(StatsHeader, magic) == 0 && offsetof(StatsHeader, layout) == 8,
              "every version must find these two here to tell that it is another");

}  // namespace trackshm::shm
