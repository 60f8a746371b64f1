// SPDX-License-Identifier: Apache-2.0
#include "aggregator/table.hpp"

#include <algorithm>
#include <cerrno>

namespace trackshm::aggregator {

using shm::SegmentStatus;

namespace {

// Tables below this grow in one go, by doubling; larger ones by a quarter, step by step: 10^7 buffers then take 43 to 53
// bytes each.
constexpr std::uint64_t large_homes = 128 * 1024;
// Load at which growth starts, in percent. Small tables buy short runs with memory that nobody misses; large ones finish
// growing long before 90.
constexpr std::uint64_t max_load_percent(std::uint64_t homes) noexcept { return homes < large_homes ? 50 : 75; }
// Cells looked at per insertion while growing. At 16 the walk ends after homes / 16 insertions.
constexpr std::uint64_t moved_cells_per_insertion = 16;
constexpr std::uint64_t cells_per_move_batch = 1024;
constexpr std::uint64_t reserve_step_cells = 32 * 1024;  // 1 MiB

constexpr std::uint64_t slack_for(std::uint64_t homes) noexcept {
    return std::min<std::uint64_t>(homes + 64, 16 * 1024);  // one id's entries on every memory: 4096
}

constexpr std::uint64_t area_bytes(std::uint64_t homes) noexcept {
    return shm::round_to_page((homes + slack_for(homes)) * sizeof(Cell));
}

}  // namespace

SegmentStatus Table::create(shm::Segment& segment, const std::string& temporary_name,
                            std::uint64_t homes) noexcept {
    const std::uint64_t bytes = first_area_offset + area_bytes(homes);
    SegmentStatus status =
        segment.create(temporary_name, bytes, usage_offset + initial_usage_cells * sizeof(UsageCell));
    if (status == SegmentStatus::ok) status = segment.reserve(first_area_offset, bytes - first_area_offset);
    if (status != SegmentStatus::ok) {
        const int error = errno;
        segment.unlink();
        errno = error;
        return status;
    }
    auto* header = segment.at<TableHeader>(0);
    header->magic = table_magic;
    header->layout = shm::layout_version;
    header->state = static_cast<std::uint32_t>(TableState::attached);
    header->flags = shm::process_exact | shm::process_peak_exact;
    header->boot_id = shm::boot_id();
    header->hash_seed = shm::random_nonce();
    header->next_sequence = 1;
    header->areas[0] = {first_area_offset, homes, slack_for(homes)};
    return SegmentStatus::ok;
}

SegmentStatus Table::attach() noexcept {
    hash_ = CellHash(header()->hash_seed);
    const std::uint32_t current = header()->current & 1;
    if (const SegmentStatus mapped = map_area(current); mapped != SegmentStatus::ok) return mapped;
    Area& area = areas_[current];
    if (header()->growing != 0) {
        if (const SegmentStatus mapped = map_area(1 - current); mapped != SegmentStatus::ok) return mapped;
        released_cells_ = 0;
        forget_copies();
        return SegmentStatus::ok;
    }
    // The last walk may have died before it gave the passed area back, or before its new area counted.
    if (const std::uint64_t gap = area.file_offset - first_area_offset) segment_.release(first_area_offset, gap);
    const std::uint64_t end = area.file_offset + shm::round_to_page(area.total * sizeof(Cell));
    if (segment_.file_bytes() > end) segment_.extend(end);
    return SegmentStatus::ok;
}

SegmentStatus Table::map_area(std::uint32_t index) noexcept {
    const AreaDescriptor& descriptor = header()->areas[index];
    const std::uint64_t bytes = (descriptor.homes + descriptor.slack) * sizeof(Cell);
    Area& area = areas_[index];
    if (descriptor.file_offset + bytes > segment_.file_bytes()) return SegmentStatus::unsuitable;
    const SegmentStatus mapped = segment_.map_range(descriptor.file_offset, bytes, shm::bip::read_write, area.region);
    if (mapped != SegmentStatus::ok) return mapped;
    area.cells = static_cast<Cell*>(area.region.get_address());
    area.homes = descriptor.homes;
    area.total = descriptor.homes + descriptor.slack;
    const bool is_being_filled = header()->growing != 0 && index != header()->current;
    area.limit = is_being_filled ? std::min(area.total, header()->reserved_cells) : area.total;
    area.file_offset = descriptor.file_offset;
    return SegmentStatus::ok;
}

// --- closed devices ---------------------------------------------------------------------------------------------------

bool Table::close_device(std::uint32_t device) noexcept {
    TableHeader* h = header();
    std::uint32_t i = 0;
    while (i < h->closed_devices && h->closed[i].device != device) ++i;
    if (i == shm::max_devices) return false;
    const std::uint64_t offset = offsetof(TableHeader, closed) + i * sizeof(ClosedDevice);
    log_.save(LogTarget::table, offset, &h->closed[i], sizeof(ClosedDevice));
    h->closed[i] = {device, h->next_sequence};
    if (i == h->closed_devices) {
        save_growth_state();
        ++h->closed_devices;
    }
    return true;
}

// --- growth ---------------------------------------------------------------------------------------------------------

// The words from `hash_seed` up to `closed`. The counters before them are saved by whoever opens the batch.
void Table::save_growth_state() noexcept {
    constexpr std::uint64_t offset = offsetof(TableHeader, hash_seed);
    log_.save(LogTarget::table, offset, segment_.data() + offset, offsetof(TableHeader, closed) - offset);
}

// A table full of entries of closed devices needs no more homes, only a walk that leaves them behind.
std::uint64_t Table::next_homes(std::uint64_t count) const noexcept {
    const TableHeader* h = header();
    const std::uint64_t homes = h->areas[h->current].homes;
    const std::uint64_t enough = (h->live_buffers + count) * 100 / (max_load_percent(homes) - 10);
    if (enough <= homes) return homes;
    return std::max(homes < large_homes ? homes * 2 : homes + homes / 4, enough);
}

bool Table::make_room(std::uint64_t count) noexcept {
    TableHeader* h = header();
    const auto load_allows = [&](std::uint64_t percent) {
        return (h->taken + count) * 100 <= areas_[h->current].homes * percent;
    };
    if (h->growing == 0) {
        if (load_allows(max_load_percent(areas_[h->current].homes))) return true;
        if (!start_growth(next_homes(count))) return false;
    }
    const bool at_once = areas_[h->current].homes < large_homes || !load_allows(90);
    return advance_growth(at_once ? ~std::uint64_t{0} : count * moved_cells_per_insertion);
}

bool Table::grow_now() noexcept {
    if (header()->growing == 0) {
        const std::uint64_t homes = areas_[header()->current].homes;
        if (!start_growth(homes + homes / 2)) return false;
    }
    return advance_growth(~std::uint64_t{0});
}

bool Table::start_growth(std::uint64_t homes) noexcept {
    TableHeader* h = header();
    const std::uint32_t next = 1 - h->current;
    const std::uint64_t file_bytes = segment_.file_bytes();
    const std::uint64_t offset = shm::round_to_page(file_bytes);
    if (segment_.extend(offset + area_bytes(homes)) != SegmentStatus::ok) return false;
    log_.begin(h->own_pid, h->nonce);
    save_growth_state();
    h->areas[next] = {offset, homes, slack_for(homes)};
    h->frontier = 0;
    h->reserved_cells = 0;
    h->growing = 1;
    released_cells_ = 0;
    const bool ready = map_area(next) == SegmentStatus::ok && reserve_ahead();
    if (!ready) {  // it will be tried again, and again: the file must not become longer each time
        areas_[next] = Area{};
        h->areas[next] = {};
        h->growing = 0;
        segment_.extend(file_bytes);
    }
    log_.commit();
    return ready;
}

// Walks on by about that many cells, a whole run at a time. False if storage ran out; the walk then waits.
bool Table::advance_growth(std::uint64_t cells) noexcept {
    while (header()->growing != 0 && cells > 0) {
        const std::uint64_t begin = header()->frontier;
        const std::uint64_t limit = areas_[header()->current].limit;
        if (!grow_by_one_batch(std::min(cells, cells_per_move_batch))) return false;
        cells -= std::min(cells, (header()->growing != 0 ? header()->frontier : limit) - begin);
        release_passed();
    }
    return true;
}

// What is copied is where nobody looks until the frontier has passed it, so none of it goes through the undo log, however
// long a run is. If we are killed before the frontier moves, the next aggregator forgets the copies.
bool Table::grow_by_one_batch(std::uint64_t cells) noexcept {
    TableHeader* h = header();
    if (!reserve_ahead()) return false;
    const Copied copied = copy_runs(cells);
    const bool finished = copied.frontier >= areas_[h->current].limit;
    if (!copied.all || (finished && !reserve(area_being_filled().total))) {
        forget_copies();
        // If all of it has storage, and many entries of few ids crowd at its end, that is too short.
        const bool was_too_short = area_being_filled().limit == area_being_filled().total;
        return was_too_short && extend_slack();
    }
    log_.begin(h->own_pid, h->nonce);
    save_growth_state();
    h->taken -= copied.dead;
    h->frontier = copied.frontier;
    if (finished) finish_growth();
    log_.commit();
    return true;
}

Table::Copied Table::copy_runs(std::uint64_t cells) noexcept {
    const Area& from = areas_[header()->current];
    Copied copied{true, header()->frontier, 0};
    while (copied.frontier < from.limit && copied.frontier - header()->frontier < cells) {
        std::uint64_t i = copied.frontier;
        for (; i < from.limit && from.cells[i].taken(); ++i) {
            if (is_dead(from.cells[i])) {
                ++copied.dead;
            } else if (!copy(from.cells[i])) {
                copied.all = false;
                return copied;
            }
        }
        copied.frontier = i + 1;
    }
    return copied;
}

bool Table::copy(const Cell& cell) noexcept {
    Area& to = area_being_filled();
    std::uint64_t i = to.home_of(hash(cell.id));
    while (i < to.limit && to.cells[i].taken()) ++i;
    if (i >= to.limit && !reserve(i + 1)) return false;
    to.cells[i].put(cell);
    return true;
}

// Frees every cell of the area being filled whose id the frontier has not passed. Such a cell can only lie from where the
// frontier's ids go to the end of the run at, or behind, where those of the last run that a batch may have copied go. From
// the end back: killed on the way, the next aggregator finds the same end or one that is nearer.
void Table::forget_copies() noexcept {
    const Area& from = areas_[header()->current];
    Area& to = area_being_filled();
    const std::uint64_t frontier = header()->frontier;
    std::uint64_t copied_end = std::min(frontier + cells_per_move_batch, from.limit);
    while (copied_end < from.limit && from.cells[copied_end].taken()) ++copied_end;
    const auto home_in_new = [&](std::uint64_t home) {
        return std::min(static_cast<std::uint64_t>(static_cast<Wide>(home) * to.homes / from.homes), to.limit);
    };
    std::uint64_t end = std::min(home_in_new(copied_end) + 1, to.limit);
    while (end < to.limit && to.cells[end].taken()) ++end;
    for (std::uint64_t i = end; i-- > home_in_new(frontier);) {
        Cell& cell = to.cells[i];
        if (cell.taken() && from.home_of(hash(cell.id)) >= frontier) cell.clear();
    }
}

// The area being filled is the last of the file: it can become longer.
bool Table::extend_slack() noexcept {
    TableHeader* h = header();
    const std::uint32_t next = 1 - h->current;
    const std::uint64_t file_bytes = segment_.file_bytes();
    const AreaDescriptor before = h->areas[next];
    AreaDescriptor longer = before;
    longer.slack *= 2;
    const std::uint64_t bytes = shm::round_to_page((longer.homes + longer.slack) * sizeof(Cell));
    if (segment_.extend(longer.file_offset + bytes) != SegmentStatus::ok) return false;
    log_.begin(h->own_pid, h->nonce);
    save_growth_state();
    h->areas[next] = longer;
    const bool mapped = map_area(next) == SegmentStatus::ok;
    if (!mapped) {
        h->areas[next] = before;
        segment_.extend(file_bytes);
    }
    log_.commit();
    return mapped;
}

void Table::finish_growth() noexcept {
    TableHeader* h = header();
    h->areas[h->current] = {};
    h->current = 1 - h->current;
    h->growing = 0;
    h->frontier = 0;
}

// Storage for the cells of the new area that ids below the frontier usually come to lie in, with a margin for runs.
bool Table::reserve_ahead() noexcept {
    const TableHeader* h = header();
    const Area& from = areas_[h->current];
    const Area& to = area_being_filled();
    const std::uint64_t passed = std::min(h->frontier + cells_per_move_batch, from.homes);
    const std::uint64_t reached = passed * to.homes / from.homes + slack_for(to.homes) + reserve_step_cells;
    return reserve(std::min(reached, to.total));
}

// Storage for so many cells of the new area. False if there is none, or the area has not so many.
bool Table::reserve(std::uint64_t cells) noexcept {
    Area& to = area_being_filled();
    if (cells <= to.limit) return true;
    if (cells > to.total) return false;
    const std::uint64_t end = std::min(cells + reserve_step_cells, to.total);
    if (segment_.reserve(to.file_offset + to.limit * sizeof(Cell), (end - to.limit) * sizeof(Cell)) !=
        SegmentStatus::ok) {
        return false;
    }
    to.limit = end;
    header()->reserved_cells = end;  // after its storage: if it is not told, it is reserved once more
    return true;
}

// Gives back the storage of what was moved. Only between batches: a roll-back may write there.
void Table::release_passed() noexcept {
    const TableHeader* h = header();
    if (h->growing == 0) {
        Area& old = areas_[1 - h->current];
        segment_.release(old.file_offset, shm::round_to_page(old.limit * sizeof(Cell)));
        old = Area{};
        return;
    }
    const Area& from = areas_[h->current];
    const std::uint64_t passed = h->frontier / reserve_step_cells * reserve_step_cells;
    if (passed <= released_cells_) return;
    segment_.release(from.file_offset + released_cells_ * sizeof(Cell), (passed - released_cells_) * sizeof(Cell));
    released_cells_ = passed;
}

}  // namespace trackshm::aggregator
