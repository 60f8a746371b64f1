// SPDX-License-Identifier: Apache-2.0
//
// The buffer table of one process: which ids are live, where, how large, how old. Open addressing with linear probing
// in 32-byte cells, several cells per id where it is live on several devices, deletion by moving followers back (no
// tombstones: the live set is small and the churn high).
//
// The home of an id is hash * homes / 2^64, so cells lie in the order of their hashes. That makes growth a walk: a
// second, larger area is filled from the first in order, a few runs at a time, and `frontier` tells for every id in
// which of the two it is. No lookup reads both, and the storage of what was passed is given back on the way. (Ordered
// linear hashing in this form: cf. Celis 1986 for the order, Griswold & Townsend 1993 for growing step by step.)
#pragma once

#include <algorithm>
#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>

#include "aggregator/table_abi.hpp"
#include "aggregator/undo_log.hpp"
#include "shm/os.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

class Table {
public:
    static constexpr std::uint64_t initial_homes = 512;

    // Creates a complete table segment for a process; its areas still have to be mapped with attach().
    static shm::SegmentStatus create(shm::Segment& segment, const std::string& temporary_name,
                                     std::uint64_t homes = initial_homes) noexcept;

    // `segment` is open and stays so.
    Table(shm::Segment& segment, UndoLog& log) noexcept
        : segment_(segment), log_(log), header_(segment.at<TableHeader>(0)) {}
    shm::SegmentStatus attach() noexcept;

    // Between batches: sees to it that `count` insertions will find room, growing a little or a lot, in batches of its
    // own. False if there is no memory to grow into.
    bool make_room(std::uint64_t count) noexcept;

    // Brings the cells an id may be in towards the cache; changes nothing.
    void prefetch(std::uint64_t id) noexcept;

    // Within a batch. Each change goes through the undo log. These are the hot path of the aggregator, one call per
    // event, and inline; growth, below, is not.

    struct Inserted {
        bool no_room = false;  // the probe ran off the area's end, or its storage: roll back, grow_now(), again
        Cell replaced{};       // the entry of the same (id, device, type) that was live, if taken()
    };
    Inserted insert(std::uint64_t id, std::uint32_t device, std::uint8_t type, std::uint64_t size,
                    std::uint32_t born_seconds) noexcept;

    struct Erased {
        Cell cell{};                   // what it was, if taken()
        std::uint64_t candidates = 0;  // live entries that the free could have meant, this one included
    };
    Erased erase_oldest(std::uint64_t id) noexcept;
    Erased erase_oldest_on(std::uint64_t id, std::uint32_t device) noexcept;
    Erased erase_exact(std::uint64_t id, std::uint32_t device, std::uint8_t type) noexcept;

    // Frees all of a device at once: see ClosedDevice. False if more devices were closed than the header can name.
    bool close_device(std::uint32_t device) noexcept;

    // Grows by half and moves everything before it returns. False if there is no memory.
    bool grow_now() noexcept;

    // Visits the live entries in parts, in the order of their hashes: what lives throughout is visited once, however the
    // table changes and grows between two parts.
    struct Cursor {
        std::uint64_t hash = 0;  // smaller ones were visited
        bool at_end = false;
    };
    // Of some `cells` cells; how many it looked at.
    template <class Visit>
    std::uint64_t scan(Cursor& cursor, std::uint64_t cells, Visit&& visit) const;
    std::uint64_t cells() const noexcept { return areas_[0].limit + areas_[1].limit; }

    template <class Visit>
    void for_each_live(Visit&& visit) const {
        Cursor cursor;
        scan(cursor, ~std::uint64_t{0}, visit);
    }

private:
    // A probe of a large table goes on for four to nine cells, and a wrong guess about where it ends is found out only when
    // the cell is there: all of them are fetched, not the first alone. See docs/decisions/0011.
    static constexpr std::uint64_t prefetched_cells = 10;
    static constexpr std::uint64_t cells_per_line = 64 / sizeof(Cell);

    __extension__ using Wide = unsigned __int128;

    struct Area {
        Cell* cells = nullptr;
        std::uint64_t homes = 0;
        std::uint64_t total = 0;  // homes + slack
        std::uint64_t limit = 0;  // of these, cells that have storage: all but while it is being filled
        std::uint64_t file_offset = 0;
        boost::interprocess::mapped_region region;

        std::uint64_t home_of(std::uint64_t hash) const noexcept { return CellHash::home_of(hash, homes); }
    };

    TableHeader* header() const noexcept { return header_; }
    std::uint64_t hash(std::uint64_t id) const noexcept { return hash_(id); }
    Area& area_of(std::uint64_t hash) noexcept;
    std::uint64_t first_in_use(const Area& area) const noexcept {
        return header()->growing != 0 && &area == &areas_[header()->current] ? header()->frontier : 0;
    }
    bool is_dead(const Cell& cell) const noexcept;

    template <class Matches>
    Erased erase_first(std::uint64_t id, Matches&& matches) noexcept;
    void erase_at(Area& area, std::uint64_t index) noexcept;
    void write(Area& area, std::uint64_t index, const Cell& cell) noexcept;
    void save_growth_state() noexcept;

    // What was copied to the area being filled, up to where the frontier will be.
    struct Copied {
        bool all = false;  // else there was no room for some of it
        std::uint64_t frontier = 0;
        std::uint64_t dead = 0;  // cells left behind
    };
    bool start_growth(std::uint64_t homes) noexcept;
    bool advance_growth(std::uint64_t cells) noexcept;
    bool grow_by_one_batch(std::uint64_t cells) noexcept;
    Copied copy_runs(std::uint64_t cells) noexcept;
    bool copy(const Cell& cell) noexcept;
    void forget_copies() noexcept;
    bool extend_slack() noexcept;
    void finish_growth() noexcept;
    bool reserve_ahead() noexcept;
    bool reserve(std::uint64_t cells) noexcept;
    void release_passed() noexcept;
    Area& area_being_filled() noexcept { return areas_[1 - header()->current]; }
    std::uint64_t next_homes(std::uint64_t count) const noexcept;
    shm::SegmentStatus map_area(std::uint32_t index) noexcept;

    shm::Segment& segment_;
    UndoLog& log_;
    TableHeader* const header_;
    Area areas_[2];
    CellHash hash_;
    std::uint64_t released_cells_ = 0;   // of the area being emptied
};

template <class Visit>
std::uint64_t Table::scan(Cursor& cursor, std::uint64_t cells, Visit&& visit) const {
    constexpr std::uint64_t largest = ~std::uint64_t{0};
    const std::uint64_t homes = std::max(areas_[0].homes, areas_[1].homes);
    const std::uint64_t step = cells < homes ? largest / homes * cells : largest;
    const std::uint64_t last = cursor.hash + std::min(step, largest - cursor.hash);
    std::uint64_t looked_at = 0;
    for (const Area& area : areas_) {
        if (area.limit == 0) continue;
        const std::uint64_t last_home = area.home_of(last);
        std::uint64_t i = std::max(area.home_of(cursor.hash), first_in_use(area));
        const std::uint64_t begin = i;
        // An entry lies in the run that begins at its home or before.
        for (; i < area.limit && (i <= last_home || area.cells[i].taken()); ++i) {
            const Cell& cell = area.cells[i];
            if (!cell.taken() || is_dead(cell)) continue;
            const std::uint64_t cell_hash = hash(cell.id);
            if (cell_hash >= cursor.hash && cell_hash <= last) visit(cell);
        }
        looked_at += i - begin;
    }
    cursor.at_end = last == largest;
    cursor.hash = last + 1;
    return looked_at;
}

// --- the hot path ---------------------------------------------------------------------------------------------------

inline Table::Area& Table::area_of(std::uint64_t hash) noexcept {
    const TableHeader* h = header();
    Area& current = areas_[h->current];
    if (h->growing == 0 || current.home_of(hash) >= h->frontier) [[likely]] return current;
    return areas_[1 - h->current];
}

inline bool Table::is_dead(const Cell& cell) const noexcept {
    const TableHeader* h = header();
    for (std::uint32_t i = 0; i < h->closed_devices; ++i) {
        if (h->closed[i].device == cell.device) return cell.sequence < h->closed[i].before_sequence;
    }
    return false;
}

inline void Table::prefetch(std::uint64_t id) noexcept {
    const std::uint64_t h = hash(id);
    const Area& area = area_of(h);
    const Cell* const home = &area.cells[area.home_of(h)];
    for (std::uint64_t i = 0; i < prefetched_cells; i += cells_per_line) shm::prefetch_for_write(home + i);
}

inline void Table::write(Area& area, std::uint64_t index, const Cell& cell) noexcept {
    log_.save(LogTarget::table, area.file_offset + index * sizeof(Cell), &area.cells[index], sizeof(Cell));
    if (!log_.overflowed()) area.cells[index] = cell;
}

inline Table::Inserted Table::insert(std::uint64_t id, std::uint32_t device, std::uint8_t type, std::uint64_t size,
                                     std::uint32_t born_seconds) noexcept {
    const std::uint64_t h = hash(id);
    Area& area = area_of(h);
    const Cell cell{id, Cell::pack(size, type), header()->next_sequence++, device, born_seconds};
    for (std::uint64_t i = area.home_of(h); i < area.limit; ++i) {
        const Cell& found = area.cells[i];
        if (!found.taken()) {
            ++header()->taken;
            write(area, i, cell);
            return {};
        }
        if (found.id == id && found.device == device && found.type() == type) {
            Inserted result;
            if (!is_dead(found)) result.replaced = found;
            write(area, i, cell);
            return result;
        }
    }
    return {.no_room = true};
}

template <class Matches>
Table::Erased Table::erase_first(std::uint64_t id, Matches&& matches) noexcept {
    const std::uint64_t h = hash(id);
    Area& area = area_of(h);
    Erased result;
    std::uint64_t oldest = 0;
    for (std::uint64_t i = area.home_of(h); i < area.limit && area.cells[i].taken(); ++i) {
        const Cell& cell = area.cells[i];
        if (cell.id != id || !matches(cell) || is_dead(cell)) continue;
        if (result.candidates++ == 0 || cell.sequence < result.cell.sequence) {
            result.cell = cell;
            oldest = i;
        }
    }
    if (result.candidates != 0) erase_at(area, oldest);
    return result;
}

inline Table::Erased Table::erase_oldest(std::uint64_t id) noexcept {
    return erase_first(id, [](const Cell&) { return true; });
}

inline Table::Erased Table::erase_oldest_on(std::uint64_t id, std::uint32_t device) noexcept {
    return erase_first(id, [device](const Cell& cell) { return cell.device == device; });
}

inline Table::Erased Table::erase_exact(std::uint64_t id, std::uint32_t device, std::uint8_t type) noexcept {
    return erase_first(id, [=](const Cell& cell) { return cell.device == device && cell.type() == type; });
}

inline void Table::erase_at(Area& area, std::uint64_t index) noexcept {
    --header()->taken;
    // A hole may be filled by any follower of its run whose home is not behind it. Taking the farthest one leaves the
    // fewest to move: usually one, also where many entries share a home.
    std::uint64_t hole = index;
    for (;;) {
        std::uint64_t farthest = hole;
        for (std::uint64_t i = hole + 1; i < area.limit && area.cells[i].taken(); ++i) {
            if (area.home_of(hash(area.cells[i].id)) <= hole) farthest = i;
        }
        if (farthest == hole) break;
        write(area, hole, area.cells[farthest]);
        hole = farthest;
    }
    write(area, hole, Cell{});
}

}  // namespace trackshm::aggregator
