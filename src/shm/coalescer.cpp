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
    return queue_.size() == events_ && !folded_.any() && untold_ == 0 && queue_.size() < limit_ / verbatim_share;
}

Coalescer::Epoch& Coalescer::open_epoch() {
    const bool all_sealed = epochs_.empty() || (epochs_.size() == 1 && phase_ != Phase::seal) || epochs_.back().close;
    if (!all_sealed) return epochs_.back();
    if (spare_.empty()) {
        epochs_.emplace_back();
    } else {
        epochs_.splice(epochs_.end(), spare_);
    }
    return epochs_.back();
}

// Keeps one sent epoch for reuse, unless it grew large.
void Coalescer::recycle_front() noexcept {
    constexpr std::size_t small_map = 16 * 1024;
    Epoch& sent = epochs_.front();
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
    if (list.length >= max_events_per_id) {
        fold(list);
        if (list.length >= max_events_per_id) return false;
    }
    if (is_free(event.kind)) {
        append_free(list, event);
        // What this free completes goes at once. So the lists stay short, nothing is ever searched for, and what waits is
        // bounded by the live set and the queue.
        fold(list);
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
    if (event.kind == EventKind::usage) {
        const auto [lowest, is_first] = epoch.lowest.try_emplace(key_of(event), event.size);
        lowest->second = std::min(lowest->second, event.size);
        events_ += is_first;
    }
    const auto [at, inserted] = epoch.latest.try_emplace(latest_key(event), event);
    if (inserted) {
        ++events_;
        return true;
    }
    Event& known = at->second;
    if (event.kind == EventKind::allocation_failure) {
        known.size = event.size;
        known.count += event.count;
    } else {
        untold_ += known.reports();
        known = event;
    }
    return true;
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

// Buffers allocated in this epoch and still live on the device that closes were released by that.
void Coalescer::fold_on_close(Epoch& epoch, std::uint16_t device) {
    for (auto at = epoch.ids.begin(); at != epoch.ids.end();) {
        IdEvents& list = at->second;
        const bool starts_here = list.first != none && ops_[list.first].event.kind == EventKind::allocation;
        bool only_that_device = starts_here;
        for (std::uint32_t i = list.first; only_that_device && i != none; i = ops_[i].next) {
            only_that_device = ops_[i].event.kind == EventKind::allocation && ops_[i].event.device == device;
        }
        if (!only_that_device) {
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

Coalescer::LocalEffect Coalescer::local_effect(const IdEvents& list) {
    LocalEffect effect;
    std::vector<std::uint32_t, MappedAllocator<std::uint32_t>>& live = unmatched_;
    live.clear();
    matched_.assign(list.length, 0);
    std::uint64_t ambiguous_frees = 0;
    std::uint32_t position = 0;
    for (std::uint32_t i = list.first; i != none; i = ops_[i].next, ++position) {
        const Event& event = ops_[i].event;
        if (event.kind == EventKind::allocation) {
            live.push_back(i);
        } else if (event.kind == EventKind::free_all) {
            matched_[position] = live.empty() ? 0 : 1;  // a second one finds nothing
            live.clear();
        } else if (event.kind == EventKind::folded_free_all) {
            live.clear();
        } else {
            for (std::uint32_t n = 0; n < event.count; ++n) {
                const auto oldest = std::find_if(live.begin(), live.end(),
                                                 [&](std::uint32_t op) { return hits(event, ops_[op].event); });
                if (oldest == live.end()) break;
                if (event.kind == EventKind::free_by_id && live.size() > 1) ++ambiguous_frees;
                live.erase(oldest);
                ++matched_[position];
            }
        }
        if (live.empty()) {
            effect.balanced_length = position + 1;
            effect.ambiguous_frees = ambiguous_frees;
        }
    }
    return effect;
}

// Takes out of a list what came and went again, but for frees that reach further than the list. A free of all entries
// may do that even if it found some in the list, so the first of them stays, as one that no longer counts as a report.
void Coalescer::fold(IdEvents& list) {
    if (list.length < 2) return;  // no allocation with its free
    const LocalEffect effect = local_effect(list);
    if (effect.balanced_length == 0) return;
    folded_.ambiguous_frees += effect.ambiguous_frees;
    IdEvents rest;
    const std::uint32_t length = list.length;
    bool table_cleared = false;
    for (std::uint32_t position = 0; position < length; ++position) {
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
}

// How many events from the front of the list belong to the phase being sent.
std::uint32_t Coalescer::sendable(const IdEvents& list) {
    if (list.length == 0) return 0;
    if (phase_ == Phase::survivors) return list.length;
    if (phase_ == Phase::transients) return local_effect(list).balanced_length;
    std::uint32_t frees = 0;
    for (std::uint32_t i = list.first; i != none && is_free(ops_[i].event.kind); i = ops_[i].next) ++frees;
    return frees;
}

}  // namespace trackshm::shm
