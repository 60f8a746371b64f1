// SPDX-License-Identifier: Apache-2.0
#include "aggregator/process.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "aggregator/fault_guard.hpp"
#include "aggregator/ledger.hpp"
#include "shm/drain_order.hpp"
#include "shm/estate.hpp"
#include "shm/os.hpp"
#include "shm/publication.hpp"
#include "shm/record_lock.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

template <class Identity>
void copy_identity(Identity& identity, const Segment& segment) noexcept {
    load_words(identity.data(), segment.at<const Word>(0), sizeof identity);
}

}  // namespace

TrackedProcess::TrackedProcess(Segment segment, std::uint32_t slots_per_lane, Segment table_segment, UndoLog& log)
    : segment_(std::move(segment)),
      table_segment_(std::move(table_segment)),
      log_(log),
      table_(table_segment_, log),
      slots_per_lane_(slots_per_lane),
      usage_index_(max_usage_cells),
      usage_saved_(max_usage_cells) {
    survives([&] { copy_identity(identity_, segment_); });
    open_pidfd();
}

TrackedProcess::~TrackedProcess() {
    if (pidfd_ >= 0) close(pidfd_);
}

// --- reading --------------------------------------------------------------------------------------------------------

bool TrackedProcess::has_news() noexcept {
    if (is_quarantined()) return false;
    if (lied_) return true;
    bool news = false;
    const bool survived = survives([&] {
        const std::uint64_t tickets = header().tickets.load(std::memory_order_relaxed);
        // Fewer slots applied than tickets taken: some were not visible, or did not fit into the last batch. Before the
        // first pass there is always news: a predecessor may have applied all and died before it published how far.
        news = !has_read_ || tickets != seen_tickets_ || table_header().slots_applied != tickets;
    });
    return news || !survived;
}

// Tickets are counted up, and no more slots are published than there are tickets.
bool TrackedProcess::accept_tickets(std::uint64_t tickets) noexcept {
    if (tickets > most_events || tickets < seen_tickets_) return false;
    seen_tickets_ = tickets;
    return table_header().slots_applied <= tickets;
}

void TrackedProcess::take_positions(Batch& batch) const noexcept {
    const TableHeader& table = table_header();
    std::copy(std::begin(table.lane_positions), std::end(table.lane_positions), batch.positions.begin());
    batch.estate_position = table.estate_position;
}

ReadResult TrackedProcess::inspect(Batch& scratch) noexcept {
    if (is_quarantined()) return ReadResult::ok;
    if (lied_) return ReadResult::corrupt;
    take_positions(scratch);
    counters();
    bool sound = false;
    const bool survived = survives([&] {
        Identity now;
        copy_identity(now, segment_);
        sound = now == identity_ && accept_tickets(header().tickets.load(std::memory_order_acquire)) &&
                look_at_lanes(scratch);
        // Read after the positions: each of the slots before them has its ticket.
        const std::uint64_t tickets = header().tickets.load(std::memory_order_acquire);
        sound = sound && merge_.starts_below(tickets) && table_header().slots_applied + merge_.waiting() <= tickets;
    });
    return survived && sound && !lied_ ? ReadResult::ok : ReadResult::corrupt;
}

ReadResult TrackedProcess::read(Batch& batch) noexcept {
    if (lied_) return ReadResult::corrupt;
    has_read_ = true;
    batch.clear();
    take_positions(batch);
    bool sound = false;
    const bool survived = survives([&] {
        const auto merge = [&](std::uint64_t limit) { return accept_tickets(limit) && merge_.merge(batch, limit); };
        sound = drain_in_order(header().tickets, [&] { return look_at_lanes(batch); }, merge);
        // More slots than tickets: some ticket was given out twice, be it passes ago.
        sound = sound && table_header().slots_applied + batch.slots <= seen_tickets_;
    });
    return survived && sound && !lied_ ? ReadResult::ok : ReadResult::corrupt;
}

bool TrackedProcess::look_at_lanes(Batch& batch) noexcept {
    merge_.clear();
    const std::uint32_t lanes = std::min(lanes_to_look_at(header().lanes_used), lane_count);
    const Slot* const slots = segment_.at<const Slot>(slots_offset);
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const std::uint64_t write = published_position(*lane(i));
        if (!merge_.add(slots + std::uint64_t{i} * slots_per_lane_, slots_per_lane_, write, &batch.positions[i])) {
            return false;
        }
    }
    if (estate_slots(header().estate_count) == 0) return true;
    if (estate_count_ == 0) map_estate();
    // Not a ring: as many slots as it holds, rounded up for the mask.
    return estate_count_ == 0 || merge_.add(static_cast<const Slot*>(estate_.get_address()), std::uint64_t{1} << 63,
                                            estate_count_, &batch.estate_position);
}

// What a process left behind that exited while coalescing. Its place and size are checked against the file.
void TrackedProcess::map_estate() noexcept {
    const std::uint64_t offset = header().estate_offset.load(std::memory_order_relaxed);
    const std::uint64_t count = header().estate_count.load(std::memory_order_relaxed);
    const std::uint64_t file_bytes = segment_.file_bytes();
    if (offset % page_bytes != 0 || count > max_estate_slots || offset > file_bytes ||
        count * sizeof(Slot) > file_bytes - offset) {
        return;
    }
    if (segment_.map_range(offset, count * sizeof(Slot), bip::read_only, estate_) == SegmentStatus::ok) {
        estate_count_ = count;
    }
}

void TrackedProcess::release_slots() noexcept {
    survives([&] {
        const std::uint32_t lanes = std::min(header().lanes_used.load(std::memory_order_relaxed), lane_count);
        for (std::uint32_t i = 0; i < lanes; ++i) {
            const std::uint64_t position = table_header().lane_positions[i];
            flush_lines(i, lane(i)->read_position.load(std::memory_order_relaxed), position);
            release_slots_below(*lane(i), position);
        }
    });
}

// The producer writes these slots next. It then takes 10 ns per event instead of 80, see docs/decisions/0008.
void TrackedProcess::flush_lines(std::uint32_t lane, std::uint64_t begin, std::uint64_t end) const noexcept {
    constexpr std::uint64_t slots_per_line = 64 / sizeof(Slot);
    if (end - begin > slots_per_lane_) return;  // somebody wrote over our position
    const Slot* const slots = segment_.at<const Slot>(slots_offset) + std::uint64_t{lane} * slots_per_lane_;
    const std::uint64_t whole_lines_end = end - end % slots_per_line;
    for (std::uint64_t at = begin - begin % slots_per_line; at < whole_lines_end; at += slots_per_line) {
        flush_line(&slots[at & (slots_per_lane_ - 1)]);
    }
}

void TrackedProcess::publish_watermark() noexcept {
    survives([&] {
        segment_.at<ProcessHeader>(0)->watermark.store(applied_below_, std::memory_order_release);  // acquired by sync
    });
    published_below_ = applied_below_;
}

const ReportedCounters& TrackedProcess::counters() noexcept {
    TableHeader& table = table_header();
    ReportedCounters& believed = table.believed;
    if (is_quarantined() || lied_) return believed;
    ReportedCounters now{};
    const bool survived = survives([&] {
        const ProcessHeader& h = header();
        const std::uint64_t tickets = h.tickets.load(std::memory_order_acquire);
        const std::uint64_t absorbed = h.absorbed.load(std::memory_order_relaxed);
        now.dropped = h.dropped.load(std::memory_order_relaxed);
        now.rejected = h.rejected.load(std::memory_order_relaxed);
        now.exited = h.exit_state.load(std::memory_order_acquire) == static_cast<std::uint32_t>(ExitState::exited);
        now.coalescing = h.coalescing.load(std::memory_order_relaxed) != 0 ? 1 : 0;
        const std::uint64_t extra = h.extra_slots.load(std::memory_order_relaxed);
        lied_ = now.dropped < believed.dropped || now.rejected < believed.rejected ||
                std::max({tickets, absorbed, extra, now.dropped, now.rejected, table.applied, table.coalesced,
                          table.folded}) > most_events;
        // It counts on while we read, slots that are no reports last: what comes of that may be too little, never too much.
        const std::uint64_t all = tickets + absorbed + now.dropped;
        now.reported = std::max(believed.reported, all > extra ? all - extra : 0);
    });
    if (survived && !lied_ && now != believed) believed = now;
    return believed;
}

// --- liveness -------------------------------------------------------------------------------------------------------

// A descriptor for the owner that no other process can come to stand for: the owner is looked up again after it was
// opened.
void TrackedProcess::open_pidfd() noexcept {
    const std::int32_t pid = owner_pid();
    if (pid <= 0) return;
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (pidfd_ >= 0 && owner_pid() != pid) {
        close(pidfd_);
        pidfd_ = -1;
    }
}

// The lock goes with the process, with exec, and also when the program closes descriptors that are not its own. In the
// last case alone the segment is still mapped. As this pid namespace names it; 0 or less: gone, or not to be seen.
std::int32_t TrackedProcess::owner_pid() const noexcept {
    if (const auto holder = lock_holder(segment_.fd(), liveness_byte)) return holder->pid;
    return owner_maps_segment() == Maps::yes ? table_header().pid : 0;
}

bool TrackedProcess::has_ended() noexcept {
    if (pidfd_ >= 0) {
        pollfd poll_for_exit{pidfd_, POLLIN, 0};
        if (poll(&poll_for_exit, 1, 0) == 1) return true;
    }
    if (lock_holder(segment_.fd(), liveness_byte)) return false;
    const Maps maps = owner_maps_segment();
    // Whoever cannot be looked at has rather called exec than closed its descriptors.
    end_is_certain_ = maps != Maps::cannot_tell;
    called_exec_ = maps == Maps::no && pidfd_ >= 0;
    return maps != Maps::yes;
}

Maps TrackedProcess::owner_maps_segment() const noexcept {
    const std::int32_t pid = table_header().pid;
    if (pid <= 0) return Maps::nothing;         // nobody we could look at: the lock alone tells
    if (pid == getpid()) return Maps::nothing;  // given to the aggregator since: it maps every segment
    return maps_file(pid, segment_.device(), segment_.inode());
}

// --- the table's side -----------------------------------------------------------------------------------------------

// Everything in it that a batch may change but `closed`, which Table saves itself.
void TrackedProcess::save_header() noexcept {
    log_.save(LogTarget::table, 0, table_base(), offsetof(TableHeader, closed));
}

void TrackedProcess::index_usage(const Ledger& ledger) {
    std::fill(usage_index_.begin(), usage_index_.end(), std::uint16_t{0});
    for (std::uint32_t i = 0; i < table_header().usage_cells; ++i) {
        const UsageCell& cell = usage_cells()[i];
        const std::uint32_t slot = ledger.slot_of(static_cast<std::uint16_t>(cell.device));
        if (slot != Ledger::none) usage_index_[slot * type_count + cell.type] = static_cast<std::uint16_t>(i + 1);
    }
}

UsageCell* TrackedProcess::find_usage(std::uint32_t device_slot, std::uint32_t type) noexcept {
    const std::uint16_t index = usage_index_[device_slot * type_count + type];
    return index == 0 ? nullptr : &usage_cells()[index - 1];
}

bool TrackedProcess::reserve_usage(std::uint32_t cells) noexcept {
    const std::uint32_t wanted = (cells + usage_cells_per_page - 1) / usage_cells_per_page * usage_cells_per_page;
    if (wanted <= reserved_usage_cells_) return true;
    if (table_segment_.reserve(usage_offset, wanted * sizeof(UsageCell)) != SegmentStatus::ok) return false;
    reserved_usage_cells_ = wanted;
    return true;
}

UsageCell* TrackedProcess::change_usage(std::uint32_t device_slot, std::uint32_t type, std::uint32_t device) noexcept {
    std::uint16_t& index = usage_index_[device_slot * type_count + type];
    const bool is_new = index == 0;
    if (is_new) {
        if (!reserve_usage(table_header().usage_cells + 1)) return nullptr;
        index = static_cast<std::uint16_t>(++table_header().usage_cells);
    }
    UsageCell& cell = usage_cells()[index - 1];
    if (usage_saved_[index - 1] != log_.batch()) {
        usage_saved_[index - 1] = log_.batch();
        save_table_bytes(&cell, offsetof(UsageCell, live_by_class));
    }
    if (is_new) {
        save_table_bytes(cell.live_by_class, sizeof cell.live_by_class);
        cell = UsageCell{};
        cell.device = device;
        cell.type = type;
    }
    return &cell;
}

void TrackedProcess::restore(std::byte* ledger, std::uint64_t offset, const std::byte* bytes,
                             std::uint32_t count) noexcept {
    if (ledger != nullptr) {
        std::memcpy(ledger + offset, bytes, count);
        return;
    }
    // Through the descriptor: an area added by growth lies beyond what the segment had mapped.
    if (pwrite(table_segment_.fd(), bytes, count, static_cast<off_t>(offset)) != static_cast<ssize_t>(count)) abort();
}

void TrackedProcess::remove_segments() noexcept {
    segment_.unlink();
    table_segment_.unlink();
}

}  // namespace trackshm::aggregator
