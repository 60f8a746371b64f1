// SPDX-License-Identifier: Apache-2.0
//
// Layout of a table segment: /trackshm.<namespace>.l.<pid>.<nonce>, one per tracked process. Only the aggregator
// writes it; it outlives the aggregator and is how the next one goes on exactly where the last one died.
//
//   TableHeader             who the process is, how far its lanes are applied, its counters, where the areas are
//   UsageCell[4096]         what it holds per (device, type); gets storage as cells are used
//   area, area, ...         cells of the buffer table, see table.hpp
//
// Every store here goes through the undo log first (undo_log.hpp), but for segments not yet published, and for cells that
// nobody looks at yet while the table grows (table.cpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shm/details_abi.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::aggregator {

inline constexpr std::uint64_t table_magic = 0x314c42544b435254;  // "TRCKTBL1" in memory order

// One live buffer. All zero means free: `state` is 1 in a cell that is taken.
struct Cell {
    std::uint64_t id;
    std::uint64_t size_type_state;  // size in bits 0..47, type in 48..55, state in 56..63
    std::uint64_t sequence;         // grows with every allocation of the process: the smallest is the oldest
    std::uint32_t device;
    std::uint32_t born_seconds;     // CLOCK_MONOTONIC when it was applied, for ages

    bool taken() const noexcept { return size_type_state >> 56 != 0; }
    std::uint64_t size() const noexcept { return size_type_state & shm::max_size_bytes; }
    std::uint8_t type() const noexcept { return static_cast<std::uint8_t>(size_type_state >> 48); }
    static std::uint64_t pack(std::uint64_t size, std::uint8_t type) noexcept {
        return size | std::uint64_t{type} << 48 | std::uint64_t{1} << 56;
    }

    // Without the undo log: killed at any instruction, this is free, or taken and whole.
    void put(const Cell& cell) noexcept {
        id = cell.id;
        sequence = cell.sequence;
        device = cell.device;
        born_seconds = cell.born_seconds;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        size_type_state = cell.size_type_state;
    }
    void clear() noexcept {
        size_type_state = 0;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        *this = Cell{};
    }
};
static_assert(sizeof(Cell) == 32, "two cells per cache line");

struct UsageCell {
    std::uint32_t device;
    std::uint32_t type;
    std::uint64_t buffer_bytes;
    std::uint64_t buffers;
    std::uint64_t gauge_bytes;
    std::uint64_t peak_bytes;
    std::uint64_t share_epoch;  // of the device's peaks, when this cell last changed; and what was live here before that
    std::uint64_t share_bytes;
    std::uint64_t unused;
    std::uint32_t live_by_class[shm::size_class_count];  // buffers

    std::uint64_t live_bytes() const noexcept { return buffer_bytes + gauge_bytes; }
};
static_assert(sizeof(UsageCell) == 256, "16 cells per page");

// Where ids lie. Multiply, fold, multiply, with secrets: a process must not be able to choose ids that collide.
class CellHash {
public:
    explicit CellHash(std::uint64_t seed = 0) noexcept : seed_(seed), multiplier_((seed * 0x9e3779b97f4a7c15) | 1) {}
    std::uint64_t operator()(std::uint64_t id) const noexcept {
        std::uint64_t x = (id ^ seed_) * multiplier_;
        x ^= x >> 32;
        return x * 0xbf58476d1ce4e5b9;
    }
    static std::uint64_t home_of(std::uint64_t hash, std::uint64_t homes) noexcept {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>(static_cast<Wide>(hash) * homes >> 64);
    }

private:
    std::uint64_t seed_;
    std::uint64_t multiplier_;
};

// Cells of one area: `cells` of address space for homes, and `slack` more for the run that starts at the last home.
struct AreaDescriptor {
    std::uint64_t file_offset;
    std::uint64_t homes;
    std::uint64_t slack;
};

enum class TableState : std::uint32_t {
    attached = 1,
    folded = 2,       // the process ended and is accounted for: both segments only wait to be unlinked
    quarantined = 3,  // its segment lied: figures are frozen until it ends
};

// A closed device frees its entries at once by number: those of that device with a smaller sequence are dead, and are
// removed from the table when the table comes across them.
struct ClosedDevice {
    std::uint64_t device;
    std::uint64_t before_sequence;
};

// What a process says of itself in its segment's header.
struct ReportedCounters {
    std::uint64_t reported;
    std::uint64_t dropped;
    std::uint64_t rejected;
    std::uint64_t exited;      // 1 if it has ended of itself
    std::uint64_t coalescing;  // 1 while it may hold what it has not sent

    bool operator==(const ReportedCounters&) const = default;
};

struct TableHeader {
    std::uint64_t magic;
    std::uint32_t layout;
    std::uint32_t state;  // TableState
    std::uint64_t boot_id;
    std::uint64_t nonce;
    std::uint64_t start_ticks;
    std::int32_t own_pid;
    std::int32_t pid;  // as the aggregator sees it
    std::uint32_t uid;
    std::uint32_t flags;  // shm::ProcessFlag
    char comm[16];

    // How far this process is applied. The authority over the lanes' read positions.
    std::uint64_t lane_positions[shm::lane_count];
    std::uint64_t estate_position;

    // Totals of this process.
    std::uint64_t applied;    // reports
    std::uint64_t coalesced;  // reports that no event came of; known once what they amount to is applied
    std::uint64_t folded;     // pairs, implicit and ambiguous frees of which a coalescer told the number alone
    std::uint64_t slots_applied;
    std::uint64_t unknown_frees;
    std::uint64_t ambiguous_frees;
    std::uint64_t implicit_frees;
    std::uint64_t rejected;
    std::uint64_t live_bytes;  // gauges included
    std::uint64_t live_buffers;
    std::uint64_t peak_bytes;

    // The last that was believed. Kept here for a successor, since a segment that lies can no longer be asked. No part of a
    // batch: each word only follows the segment's.
    ReportedCounters believed;

    // The buffer table.
    std::uint64_t hash_seed;
    std::uint64_t next_sequence;
    std::uint64_t taken;             // cells, dead ones of closed devices included
    std::uint32_t current;           // index in `areas`
    std::uint32_t growing;           // 1 while entries move from areas[current] to areas[1 - current]
    std::uint64_t frontier;          // homes of the current area below this have moved; their cells there say nothing
    std::uint64_t reserved_cells;    // of the area being filled: that many have storage
    AreaDescriptor areas[2];

    std::uint32_t usage_cells;
    std::uint32_t closed_devices;
    ClosedDevice closed[shm::max_devices];
};

inline constexpr std::uint32_t max_usage_cells = shm::max_devices * shm::type_count;
inline constexpr std::uint64_t usage_offset = shm::round_to_page(sizeof(TableHeader));
// Usage cells that have storage from the beginning, enough for eight devices of eight memories; others get it a page at a
// time, as they are used.
inline constexpr std::uint32_t initial_usage_cells = 64;
inline constexpr std::uint32_t usage_cells_per_page = shm::page_bytes / sizeof(UsageCell);
inline constexpr std::uint64_t first_area_offset =
    shm::round_to_page(usage_offset + max_usage_cells * sizeof(UsageCell));

static_assert(offsetof(TableHeader, magic) == 0 && offsetof(TableHeader, layout) == 8,
              "every version must find these two here to tell that it is another");

}  // namespace trackshm::aggregator
