// SPDX-License-Identifier: Apache-2.0
#include "shm/coalescer.hpp"

#include <algorithm>
#include <limits>

namespace trackshm::shm {

bool Coalescer::hits(const Event& free, const Event& allocation) noexcept {
    switch (free.kind) {
        case EventKind::free_on_device: return free.device == allocation.device;
        case EventKind::free_exact: return key_of(free) == key_of(allocation);
        default: return true;
    }
}

// Events of which the newest stands for all: one per gauge, memory, failing memory, and piece of a name.
std::uint64_t Coalescer::latest_key(const Event& event) noexcept {
    const std::uint32_t piece = event.kind == EventKind::describe_device ? event.count : 0;
    return static_cast<std::uint64_t>(event.kind) << 56 | std::uint64_t{piece} << 32 | key_of(event);
}

bool Coalescer::absorb(const Event& event) noexcept {
    if (events_ >= limit_) return false;
    try {
        if (may_queue()) {
            queue_.push(event);
            ++events_;
            return true;
        }
        if (event.kind == EventKind::allocation || is_free(event.kind)) return absorb_for_id(event);
        if (event.kind == EventKind::device_closed) return absorb_close(event);
        return absorb_latest(event);
    } catch (...) {  // no memory
        return false;
    }
}

// What came later must not overtake what is in the epochs.
bool Coalescer::may_queue() const noexcept {
    return queue_.size() == events_ && !folded_.any() && untold_ == 0 && queue_.size() < queue_limit_;
}

Coalescer::Epoch& Coalescer::open_epoch() {
    const bool all_sealed = epochs_.empty() || (epochs_.size() == 1 && phase_ != Phase::seal) || epochs_.back().close;
    if (!all_sealed) return epochs_.back();
    if (!epochs_.empty()) note_as_earlier(epochs_.back());
    if (spare_.empty()) {
        epochs_.emplace_back();
    } else {
        epochs_.splice(epochs_.end(), spare_);
    }
    return epochs_.back();
}

// Once more if memory ran out between this and the next epoch.
void Coalescer::note_as_earlier(const Epoch& epoch) {
    const bool is_known = !earlier_.empty() && earlier_.back().epoch == &epoch;
    if (!epoch.ids.empty() && !is_known) earlier_.push_back({&epoch, {}});
    if (earlier_.empty() || !epoch.close) return;
    auto& closed = earlier_.back().closed;
    if (std::find(closed.begin(), closed.end(), epoch.close->device) == closed.end()) closed.push_back(epoch.close->device);
}

// Keeps one sent epoch for reuse, unless it grew large.
void Coalescer::recycle_front() noexcept {
    constexpr std::size_t small_map = 16 * 1024;
    Epoch& sent = epochs_.front();
    if (!earlier_.empty() && earlier_.front().epoch == &sent) earlier_.erase(earlier_.begin());
    if (!spare_.empty() || sent.ids.bucket_count() > small_map) {
        epochs_.pop_front();
        return;
    }
    sent.ids.clear();
    spare_.splice(spare_.end(), epochs_, epochs_.begin());
}

bool Coalescer::absorb_for_id(const Event& event) {
    auto& ids = open_epoch().ids;
    const auto at = ids.try_emplace(event.id).first;
    IdEvents& list = at->second;
    if (list.length >= max_events_per_id) return false;
    if (is_free(event.kind)) {
        append_free(list, event);
        // What this free completes goes at once. So the lists stay short, nothing is ever searched for, and what waits is
        // bounded by the live set and the queue.
        try {
            fold(list, event.id);
        } catch (...) {  // no memory: it is held as it is
        }
        if (list.length == 0) ids.erase(at);
    } else if (!replace_live_allocation(list, event)) {
        append(list, event);
    }
    return true;
}

void Coalescer::append_free(IdEvents& list, const Event& event) {
    if (list.last != none) {
        Event& last = ops_[list.last].event;
        if (last.kind == event.kind && key_of(last) == key_of(event) &&
            last.count < std::numeric_limits<std::uint32_t>::max() - event.count) {
            last.count += event.count;
            return;
        }
    }
    append(list, event);
}

// An allocation of an entry that the list leaves live frees it first. With no free in between, the two allocations fold
// into the second, whatever the table holds.
bool Coalescer::replace_live_allocation(IdEvents& list, const Event& event) {
    std::uint32_t previous = list.last_free;
    std::uint32_t found = previous == none ? list.first : ops_[previous].next;
    while (found != none && key_of(ops_[found].event) != key_of(event)) {
        previous = found;
        found = ops_[found].next;
    }
    if (found == none) return false;

    count_pair(ops_[found].event);
    folded_.implicit_frees += 1;
    untold_ += 1;
    ops_[found].event = event;
    if (found != list.last) {  // it is now the youngest: move it to the end
        (previous == none ? list.first : ops_[previous].next) = ops_[found].next;
        ops_[list.last].next = found;
        ops_[found].next = none;
        list.last = found;
    }
    return true;
}

bool Coalescer::absorb_latest(const Event& event) {
    Epoch& epoch = open_epoch();
    const std::uint64_t number = next_number_++;
    const auto [at, inserted] = epoch.latest.try_emplace(latest_key(event), Latest{event, number});
    Event& known = at->second.event;
    const bool is_failure = event.kind == EventKind::allocation_failure;
    if (!inserted && is_failure && known.count > std::numeric_limits<std::uint32_t>::max() - event.count) return false;
    if (event.kind == EventKind::usage) {
        try {
            note_lowest(epoch, event);
        } catch (...) {  // no memory: neither or both
            if (inserted) epoch.latest.erase(at);
            throw;
        }
    }
    if (event.kind == EventKind::describe_device && event.count == 0) forget_rest_of_name(epoch, event.device);
    if (inserted) {
        ++events_;
        return true;
    }
    at->second.number = number;
    if (is_failure) {
        known.size = event.size;
        known.count += event.count;
    } else {
        untold_ += known.reports();
        known = event;
    }
    return true;
}

void Coalescer::note_lowest(Epoch& epoch, const Event& gauge) {
    const auto [lowest, is_first] = epoch.lowest.try_emplace(key_of(gauge), gauge.size);
    lowest->second = std::min(lowest->second, gauge.size);
    events_ += is_first;
}

// A name starts anew: what was left of an older, longer one is no part of it.
void Coalescer::forget_rest_of_name(Epoch& epoch, std::uint16_t device) noexcept {
    Event piece{EventKind::describe_device, 0, device};
    for (piece.count = name_chunk_bytes; piece.count < name_bytes; piece.count += name_chunk_bytes) {
        events_ -= epoch.latest.erase(latest_key(piece));
    }
}

bool Coalescer::absorb_close(const Event& event) {
    Epoch& epoch = open_epoch();
    fold_on_close(epoch, event.device);
    const bool nothing_since = epoch.ids.empty() && epoch.latest.empty();
    if (nothing_since && epochs_.size() > 1) {
        const auto previous = std::prev(epochs_.end(), 2);
        if (previous->close && previous->close->device == event.device) {  // closing it twice is closing it once
            untold_ += event.reports();
            return true;
        }
    }
    epoch.close = event;
    ++events_;
    return true;
}

// Or may be: of more epochs than a hook has time for all are taken to have it.
bool Coalescer::is_in_earlier_epoch(std::uint64_t id) const noexcept {
    return earlier_.size() > most_epochs ||
           std::any_of(earlier_.begin(), earlier_.end(), [&](const Earlier& one) { return one.epoch->ids.contains(id); });
}

// Buffers allocated in this epoch and still live on the device that closes were released by that; but not where the
// allocation itself may free one of an earlier epoch.
void Coalescer::fold_on_close(Epoch& epoch, std::uint16_t device) {
    for (auto at = epoch.ids.begin(); at != epoch.ids.end();) {
        IdEvents& list = at->second;
        const bool starts_here = list.first != none && ops_[list.first].event.kind == EventKind::allocation;
        bool only_that_device = starts_here;
        for (std::uint32_t i = list.first; only_that_device && i != none; i = ops_[i].next) {
            only_that_device = ops_[i].event.kind == EventKind::allocation && ops_[i].event.device == device;
        }
        if (!only_that_device || is_in_earlier_epoch(at->first)) {
            ++at;
            continue;
        }
        while (list.length > 0) {
            count_pair(ops_[list.first].event);
            untold_ += 1;
            pop_front(list);
        }
        epoch.ids.erase(at++);
    }
}

std::uint32_t Coalescer::new_op(const Event& event) {
    if (free_op_ != none) {
        const std::uint32_t index = free_op_;
        free_op_ = ops_[index].next;
        ops_[index] = {event, none};
        return index;
    }
    ops_.push_back({event, none});
    return static_cast<std::uint32_t>(ops_.size() - 1);
}

void Coalescer::append(IdEvents& list, const Event& event) {
    const std::uint32_t index = new_op(event);
    (list.last == none ? list.first : ops_[list.last].next) = index;
    list.last = index;
    if (is_free(event.kind)) list.last_free = index;
    ++list.length;
    ++events_;
}

void Coalescer::pop_front(IdEvents& list) noexcept {
    const std::uint32_t index = list.first;
    list.first = ops_[index].next;
    if (list.first == none) list.last = none;
    if (list.last_free == index) list.last_free = none;
    --list.length;
    --events_;
    ops_[index].next = free_op_;
    free_op_ = index;
}

void Coalescer::count_pair(const Event& allocation) {
    FoldedPairs& pairs = folded_.pairs[key_of(allocation)];
    pairs.pairs += 1;
    pairs.bytes += allocation.size;
}

void Coalescer::LiveEntries::clear() noexcept {
    entries_.clear();
    begin_ = others_ = 0;
}

void Coalescer::LiveEntries::erase(std::size_t n) noexcept {
    others_ -= !(*this)[n].is_of_list;
    if (n == 0) {
        ++begin_;
    } else {
        entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(begin_ + n));
    }
}

void Coalescer::LiveEntries::begin_list() noexcept {
    for (Entry& entry : entries_) entry.is_of_list = false;
    others_ = size();
}

// Leaves in live_ what the id's events in the epochs before the open one leave live.
void Coalescer::find_what_earlier_epochs_leave_live(std::uint64_t id) {
    live_.clear();
    for (const auto& [epoch, closed] : earlier_) {
        if (const auto found = epoch->ids.find(id); found != epoch->ids.end()) local_effect(found->second);
        for (std::size_t i = live_.size(); i-- > 0;) {
            const std::uint16_t device = ops_[live_[i].op].event.device;
            if (std::find(closed.begin(), closed.end(), device) != closed.end()) live_.erase(i);
        }
    }
    live_.begin_list();
}

// Frees what an allocation of a live entry replaces.
Coalescer::Replaced Coalescer::replace_live_entry(const Event& allocation) {
    for (std::size_t i = 0; i < unlike_each_other_from_; ++i) {
        if (key_of(ops_[live_[i].op].event) != key_of(allocation)) continue;
        const Replaced replaced = live_[i].is_of_list ? Replaced::one_of_list : Replaced::another;
        live_.erase(i);
        --unlike_each_other_from_;
        return replaced;
    }
    return Replaced::nothing;
}

// How many of the event's reports free something of the list.
std::uint32_t Coalescer::free_live_entries(const Event& free, LocalEffect& effect) {
    if (free.kind == EventKind::free_all || free.kind == EventKind::folded_free_all) {
        const bool counts = free.kind == EventKind::free_all && live_.size() != 0 && live_.others() == 0;
        live_.clear();
        return counts ? 1 : 0;  // a second one finds nothing; one that frees others as well is sent
    }
    std::uint32_t matched = 0;
    for (std::uint32_t n = 0; n < free.count; ++n) {
        std::size_t oldest = 0;
        while (oldest < live_.size() && !hits(free, ops_[live_[oldest].op].event)) ++oldest;
        if (oldest == live_.size()) break;
        // Sent, it is found to be ambiguous if it still is one without the list.
        const bool is_told = live_[oldest].is_of_list || live_.others() == 1;
        effect.ambiguous_frees += free.kind == EventKind::free_by_id && live_.size() > 1 && is_told;
        matched += live_[oldest].is_of_list;
        live_.erase(oldest);
    }
    return matched;
}

Coalescer::LocalEffect Coalescer::local_effect(const IdEvents& list) {
    LocalEffect balanced;
    LocalEffect effect;
    matched_.assign(list.length, 0);
    unlike_each_other_from_ = live_.size();
    bool is_pinned = false;  // by an allocation that must be sent, since it frees what is not of the list
    std::uint32_t position = 0;
    for (std::uint32_t i = list.first; i != none; i = ops_[i].next, ++position) {
        const Event& event = ops_[i].event;
        if (event.kind == EventKind::allocation) {
            const Replaced replaced = replace_live_entry(event);
            effect.implicit_frees += replaced == Replaced::one_of_list;
            is_pinned = is_pinned || replaced == Replaced::another;
            live_.add(i);
        } else {
            matched_[position] = free_live_entries(event, effect);
            unlike_each_other_from_ = live_.size();
        }
        if (is_pinned || live_.others() != live_.size()) continue;
        balanced = effect;
        balanced.balanced_length = position + 1;
    }
    return balanced;
}

// Takes out of a list what came and went again, but for frees that reach further than the list. A free of all entries
// may do that even if it found some in the list, so the first of them stays, as one that no longer counts as a report.
void Coalescer::fold(IdEvents& list, std::uint64_t id) {
    if (list.length < 2) return;  // no allocation with its free
    if (earlier_.size() > most_epochs) {  // more than every hook has time for
        if (list.length < list.next_long_look) return;
        list.next_long_look = static_cast<std::uint16_t>(list.length + events_per_long_look);
    }
    find_what_earlier_epochs_leave_live(id);
    const LocalEffect effect = local_effect(list);
    if (effect.balanced_length == 0) return;
    // First what may fail for want of memory.
    std::uint32_t position = 0;
    for (std::uint32_t i = list.first; position < effect.balanced_length; i = ops_[i].next, ++position) {
        if (ops_[i].event.kind == EventKind::allocation) folded_.pairs.try_emplace(key_of(ops_[i].event));
    }
    folded_.ambiguous_frees += effect.ambiguous_frees;
    folded_.implicit_frees += effect.implicit_frees;
    IdEvents rest;
    const std::uint32_t length = list.length;
    bool table_cleared = false;
    for (position = 0; position < length; ++position) {
        Event event = ops_[list.first].event;
        pop_front(list);
        if (position >= effect.balanced_length) {
            append(rest, event);
            continue;
        }
        if (event.kind == EventKind::allocation) {
            count_pair(event);
            untold_ += 1;
            continue;
        }
        const bool frees_all = event.kind == EventKind::free_all || event.kind == EventKind::folded_free_all;
        untold_ += matched_[position];
        event.count -= matched_[position];
        if (matched_[position] > 0 && frees_all && !table_cleared) {
            Event quiet = event;
            quiet.kind = EventKind::folded_free_all;
            quiet.count = 1;
            append(rest, quiet);
        }
        table_cleared = table_cleared || frees_all;
        if (event.count > 0) append(rest, event);
    }
    list = rest;
    list.next_long_look = static_cast<std::uint16_t>(list.length + events_per_long_look);
}

// How many events from the front of the list belong to the phase being sent.
std::uint32_t Coalescer::sendable(const IdEvents& list) {
    if (list.length == 0) return 0;
    if (phase_ == Phase::survivors) return list.length;
    if (phase_ == Phase::transients) {
        live_.clear();
        return local_effect(list).balanced_length;
    }
    std::uint32_t frees = 0;
    for (std::uint32_t i = list.first; i != none && is_free(ops_[i].event.kind); i = ops_[i].next) ++frees;
    return frees;
}

}  // namespace trackshm::shm
