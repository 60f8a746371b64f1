// SPDX-License-Identifier: Apache-2.0
//
// The buffer table of one process: which ids are live, where, how large, how old. Open addressing with linear probing
// in 32-byte cells, several cells per id where it is live on several devices, deletion by moving followers back (no
// tombstones: the live set is small and the churn high).
//
// The home of an id is hash * homes / 2^64, so cells lie in the order of their hashes. That makes growth a walk: a
// second, larger area is filled from the first in order, a few runs at a time, and `frontier` tells for every id in
// which of the two it is. No id is ever in both, no lookup reads both, and the storage of what was passed is given
// back on the way. (Ordered linear hashing in this form: cf. Celis 1986 for the order, Griswold & Townsend 1993 for
// growing step by step.)
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>
#include <optional>

#include "aggregator/table_abi.hpp"
#include "aggregator/undo_log.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

class Table {
public:
    static constexpr std::uint64_t initial_homes = 512;

    // Creates a complete table segment for a process; its areas still have to be mapped with attach().
    static shm::SegmentStatus create(shm::Segment& segment, const std::string& temporary_name,
                                     std::uint64_t initial_homes = Table::initial_homes) noexcept;

    Table(shm::Segment& segment, UndoLog& log) noexcept : segment_(segment), log_(log) {}
    shm::SegmentStatus attach() noexcept;

    // Between batches: sees to it that `count` insertions will find room, growing a little or a lot, in batches of its
    // own. False if there is no memory to grow into.
    bool make_room(std::uint64_t count) noexcept;

    // Brings the cells an id may be in towards the cache; changes nothing.
    void prefetch(std::uint64_t id) noexcept;

    // Within a batch. Each change goes through the undo log.

    struct Inserted {
        bool no_room = false;          // the probe ran off the area's end: roll back, grow_now(), again
        std::optional<Cell> replaced;  // the entry of the same (id, device, type) that was live
    };
    Inserted insert(std::uint64_t id, std::uint32_t device, std::uint8_t type, std::uint64_t size,
                    std::uint32_t born_seconds) noexcept;

    struct Erased {
        std::optional<Cell> cell;
        std::uint64_t candidates = 0;  // live entries that the free could have meant, this one included
    };
    Erased erase_oldest(std::uint64_t id) noexcept;
    Erased erase_oldest_on(std::uint64_t id, std::uint32_t device) noexcept;
    Erased erase_exact(std::uint64_t id, std::uint32_t device, std::uint8_t type) noexcept;

    // Frees all of a device at once: see ClosedDevice. False if more devices were closed than the header can name.
    bool close_device(std::uint32_t device) noexcept;

    // Grows by half and moves everything before it returns. False if there is no memory.
    bool grow_now() noexcept;

    template <class Visit>
    void for_each_live(Visit&& visit) const;

private:
    struct Area {
        Cell* cells = nullptr;
        std::uint64_t homes = 0;
        std::uint64_t limit = 0;  // homes + slack
        std::uint64_t file_offset = 0;
        boost::interprocess::mapped_region region;
    };

    TableHeader* header() const noexcept { return segment_.at<TableHeader>(0); }
    std::uint64_t hash(std::uint64_t id) const noexcept;
    static std::uint64_t home_of(std::uint64_t hash, const Area& area) noexcept;
    Area& area_of(std::uint64_t hash) noexcept;
    bool is_dead(const Cell& cell) const noexcept;

    template <class Matches>
    Erased erase_first(std::uint64_t id, Matches&& matches) noexcept;
    void erase_at(Area& area, std::uint64_t index) noexcept;
    void write(Area& area, std::uint64_t index, const Cell& cell) noexcept;
    void save_growth_state() noexcept;

    bool start_growth(std::uint64_t homes) noexcept;
    bool advance_growth(std::uint64_t cells) noexcept;
    bool move_run() noexcept;
    bool place_moved(const Cell& cell) noexcept;
    void finish_growth() noexcept;
    bool reserve_ahead() noexcept;
    void release_passed() noexcept;
    std::uint64_t next_homes(std::uint64_t count) const noexcept;
    bool map_area(std::uint32_t index) noexcept;

    shm::Segment& segment_;
    UndoLog& log_;
    Area areas_[2];
    std::uint64_t seed_ = 0;
    std::uint64_t reserved_cells_ = 0;   // of the area being filled
    std::uint64_t released_cells_ = 0;   // of the area being emptied
};

template <class Visit>
void Table::for_each_live(Visit&& visit) const {
    for (const Area& area : areas_) {
        for (std::uint64_t i = 0; i < area.limit; ++i) {
            if (area.cells[i].taken() && !is_dead(area.cells[i])) visit(area.cells[i]);
        }
    }
}

}  // namespace trackshm::aggregator
