// SPDX-License-Identifier: Apache-2.0
//
// Layout of a process segment: /trackshm.<namespace>.p.<pid>.<nonce>
//
//   0                ProcessHeader      identity (written once), tickets, counters, watermark
//   lanes_offset     LaneHeader[lane_count]
//   slots_offset     Slot[lane_count][slots_per_lane]   one ring per lane; gets storage during its first lap
//   estate_offset    Slot[estate_count] what a coalescing process still had to say when it exited (see coalescer.hpp)
//
// Words: a *lane* is one SPSC ring used by one thread at a time; a *slot* is 32 bytes of it; a *position* only grows, an
// *index* is a position masked; a *ticket* numbers an event within its process.
//
// Who writes what: the tracked process writes everything but `read_position`, `watermark` and `reader_*`; those are the
// aggregator's. Neither side trusts what the other writes: see aggregator/process.hpp and producer.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shm/atomics.hpp"
#include "shm/event.hpp"

namespace trackshm::shm {

// Raise when any layout here, in stats_abi.hpp, details_abi.hpp, table_abi.hpp or ledger_abi.hpp changes. Shown by
// --version.
inline constexpr std::uint32_t layout_version = 5;

inline constexpr std::uint64_t process_magic = 0x31504d4853544b54;  // "TKTSHMP1" in memory order

// Two lines apart: the adjacent-line prefetcher of x86 pairs them.
inline constexpr std::size_t line_bytes = 128;

inline constexpr std::uint32_t lane_count = 64;   // lane 0 is the shared one, under the producer's mutex
inline constexpr std::uint32_t shared_lane = 0;
inline constexpr std::uint32_t min_slots_per_lane = 64;
inline constexpr std::uint32_t max_slots_per_lane = 1u << 20;
inline constexpr std::uint32_t default_slots_per_lane = 4096;
inline constexpr std::uint32_t storage_step_slots = 1024;  // 32 KiB
inline constexpr std::uint64_t max_estate_slots = std::uint64_t{1} << 24;

enum class ExitState : std::uint32_t { running = 0, exited = 1 };

// Why a process is not fully tracked, for readers and for `shmdump segments`.
enum class Impairment : std::uint32_t {
    none = 0,
    no_lane_storage = 1,    // /dev/shm is full: new threads share lane 0
    coalescing_limit = 2,   // the coalescer's cap was hit: events were dropped and counted
};

struct ProcessHeader {
    // Identity. Constant once the segment has its final name. `magic` is stored last, with release.
    std::atomic<std::uint64_t> magic;
    std::uint32_t layout;
    std::uint32_t header_bytes;
    std::uint64_t segment_bytes;
    std::uint32_t lanes;
    std::uint32_t slots_per_lane;
    std::uint64_t lanes_offset;
    std::uint64_t slots_offset;
    std::uint64_t boot_id;
    std::uint64_t start_ticks;  // field 22 of /proc/self/stat: tells a reused pid from this process
    std::uint64_t nonce;
    std::int32_t pid;           // in its own pid namespace
    std::uint32_t uid;
    char comm[16];
    std::uint64_t pid_namespace;  // whose `pid` this is: the inode of /proc/self/ns/pid; 0 if it cannot be told

    // The one line every hook writes: next ticket to give out.
    alignas(line_bytes) std::atomic<std::uint64_t> tickets;

    // Slow-path state and counters, written under the producer's mutex or rarely.
    //     reported = tickets - extra_slots + absorbed + dropped
    alignas(line_bytes) std::atomic<std::uint32_t> lanes_used;  // lanes 0..lanes_used-1 were claimed at least once
    std::atomic<std::uint32_t> exit_state;                      // ExitState
    std::atomic<std::uint32_t> impairment;                      // Impairment
    std::atomic<std::uint32_t> coalescing;                      // 1 while the coalescer holds events
    std::atomic<std::uint64_t> rejected;                        // reports out of range
    std::atomic<std::uint64_t> dropped;                         // reports refused: by TRACKSHM_OVERFLOW=drop or past a limit
    std::atomic<std::uint64_t> absorbed;                        // reports that entered the coalescer
    std::atomic<std::uint64_t> extra_slots;                     // slots that are no direct report: written by a flush,
                                                                // marks, further chunks of a name
    std::atomic<std::uint64_t> estate_offset;
    std::atomic<std::uint64_t> estate_count;                    // stored last, with release

    // Written by the aggregator: a drain with this limit is in the published counters. It saw all that happened before
    // the event with the ticket below took that ticket, see drain_order.hpp; trackshm_sync waits for it. Release, so
    // that a snapshot read after seeing it is at least as new.
    alignas(line_bytes) std::atomic<std::uint64_t> watermark;
};

// Who may touch a lane's slots and its write position.
//
//             claim, reserve             hand back
//   untouched ───────────────▶ claimed ────────────▶ idle
//       ▲    no storage left     │  ▲      claim       │
//       └────────────────────────┘  └──────────────────┘
enum class LaneState : std::uint32_t {
    untouched = 0,  // nobody: it has no storage yet, and touching its slots might raise SIGBUS
    claimed = 1,    // one thread
    idle = 2,       // nobody; its next owner goes on at the position the last one left
};

template <class Atomics>
struct BasicLaneHeader {
    // Events published: slots [read_position, write_position) are the reader's. Release by the producer, acquire by
    // the aggregator's drain.
    alignas(line_bytes) typename Atomics::template Shared<std::uint64_t> write_position;
    // Released by the thread that hands the lane back, acquired by the next claim. See lane_claim.hpp.
    typename Atomics::template Shared<LaneState> state;
    // Slots below are free again. Release by the aggregator after the batch is committed, acquire by the producer.
    alignas(line_bytes) typename Atomics::template Shared<std::uint64_t> read_position;
};
using LaneHeader = BasicLaneHeader<StdAtomics>;

inline constexpr std::uint64_t page_bytes = 4096;

inline constexpr std::uint64_t round_to_page(std::uint64_t bytes) noexcept {
    return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

inline constexpr std::uint64_t lanes_offset = round_to_page(sizeof(ProcessHeader));
inline constexpr std::uint64_t slots_offset = round_to_page(lanes_offset + lane_count * sizeof(LaneHeader));

inline constexpr std::uint64_t process_segment_bytes(std::uint32_t slots_per_lane) noexcept {
    return slots_offset + std::uint64_t{lane_count} * slots_per_lane * sizeof(Slot);
}

static_assert(offsetof(ProcessHeader, magic) == 0, "readers check the first word before anything else");
static_assert(offsetof(ProcessHeader, tickets) % line_bytes == 0, "tickets must not share a line");
static_assert(offsetof(ProcessHeader, watermark) % line_bytes == 0, "the aggregator's only line in this header");
static_assert(sizeof(LaneHeader) == 2 * line_bytes, "producer and consumer never write the same line");
static_assert(static_cast<std::uint32_t>(LaneState::untouched) == 0, "a new segment reads as zeros");
static_assert(sizeof(ProcessHeader) <= page_bytes);
static_assert(slots_offset % page_bytes == 0, "lane storage is reserved page by page");

}  // namespace trackshm::shm
