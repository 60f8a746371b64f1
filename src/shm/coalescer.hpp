// SPDX-License-Identifier: Apache-2.0
//
// What a process still has to say while its ring is full, in memory bounded by its live set.
//
// Events first wait in a queue and are sent on in its order when there is room: as if they had never waited. Only when
// the queue is full, at `verbatim_share` of the limit, are later ones *folded*, id by id: what came and went again leaves
// its counts behind. A free that matches no allocation in here concerns a buffer whose allocation was sent before, or is
// in the queue; it always stays.
//
// The coalescer cannot see the aggregator's table. Folding assumes that an id allocated in here was not live already, but for
// what earlier epochs in here leave live. A missed free earlier in the program, or an id live on several devices of which
// some were sent or are in the queue, breaks that: then the counts of unknown, ambiguous and implicit frees may differ, a
// free may hit another one of the id's entries, and a stale entry stays until its id is used again.
//
// Events to be folded are collected in *epochs*. A flush seals the open epoch and sends it while a new one fills; closing
// a device also ends an epoch, since it touches every id. Within an epoch gauges first go down to the lowest they were in
// it, then go the frees, then what was transient, then what is still live, and the newest value of each gauge at last: so
// the live bytes seen while an epoch is applied do not exceed what was truly live, but for ids that are live in several
// memories at once, of which some were freed: these are sent as they came.
//
// Not thread-safe: the producer's mutex guards it. Never throws.
#pragma once

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include "shm/event.hpp"
#include "shm/event_queue.hpp"
#include "shm/private_memory.hpp"

namespace trackshm::shm {

class Coalescer {
public:
    static constexpr std::uint64_t default_limit = std::uint64_t{1} << 22;  // events held
    // At most `limit` events are held; the queue takes `queue_limit` of them.
    explicit Coalescer(std::uint64_t limit = default_limit) noexcept : Coalescer(limit, limit / verbatim_share) {}
    Coalescer(std::uint64_t limit, std::uint64_t queue_limit) noexcept : limit_(limit), queue_limit_(queue_limit) {}

    // Takes the event over. False, and nothing changed, if the limit is reached or memory has run out.
    bool absorb(const Event& event) noexcept;

    // Sends events through `push` until it returns false; those that did not keep their place are marked as held. True if
    // nothing is left to send.
    template <class Push>
    bool flush(Push&& push) noexcept;

    bool empty() const noexcept { return events_ == 0 && !folded_.any() && untold_ == 0; }
    std::uint64_t events() const noexcept { return events_; }

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    static constexpr std::uint32_t max_events_per_id = 8192;
    static constexpr std::size_t most_epochs = 64;  // that every hook looks through; where there are more, ...
    static constexpr std::uint16_t events_per_long_look = 1024;  // ... one in so many events of an id
    static constexpr std::uint64_t verbatim_share = 16;  // the queue takes this part of the limit

    struct Op {
        Event event;
        std::uint32_t next;
    };
    struct IdEvents {  // a list in ops_
        std::uint32_t first = none;
        std::uint32_t last = none;
        std::uint32_t last_free = none;
        std::uint16_t length = 0;
        std::uint16_t next_long_look = events_per_long_look;  // at this length
    };
    template <class Key, class Value>
    using Map = boost::unordered_flat_map<Key, Value, std::hash<Key>, std::equal_to<Key>,
                                          MappedAllocator<std::pair<const Key, Value>>>;
    // Live entries of one id, the oldest first.
    class LiveEntries {
    public:
        struct Entry {
            std::uint32_t op;  // its allocation
            bool is_of_list;   // of the one that is looked at
        };
        std::size_t size() const noexcept { return entries_.size() - begin_; }
        std::size_t others() const noexcept { return others_; }  // those that are not of the list
        const Entry& operator[](std::size_t n) const noexcept { return entries_[begin_ + n]; }

        void clear() noexcept;
        void add(std::uint32_t op) { entries_.push_back({op, true}); }
        void erase(std::size_t n) noexcept;
        // What is there is of others now.
        void begin_list() noexcept;

    private:
        std::vector<Entry, MappedAllocator<Entry>> entries_;
        std::size_t begin_ = 0;  // the oldest goes first, mostly
        std::size_t others_ = 0;
    };
    struct Latest {
        Event event;
        std::uint64_t number;  // they are sent in the order in which they came last
    };
    struct Epoch {
        Map<std::uint64_t, IdEvents> ids;
        Map<std::uint64_t, Latest> latest;  // gauges, failures, descriptions: see latest_key
        Map<std::uint32_t, std::uint64_t> lowest;  // bytes of each gauge, see key_of
        std::optional<Event> close;        // applied after everything above
    };
    // An epoch before the open one that holds ids, and which devices were closed after it, before the next such one.
    struct Earlier {
        const Epoch* epoch;
        std::vector<std::uint16_t, MappedAllocator<std::uint16_t>> closed;
    };
    // Counts of what was folded, per (device, type).
    struct FoldedPairs {
        std::uint64_t pairs = 0;
        std::uint64_t bytes = 0;
    };
    struct Folded {
        Map<std::uint32_t, FoldedPairs> pairs;
        std::uint64_t implicit_frees = 0;
        std::uint64_t ambiguous_frees = 0;

        bool any() const noexcept { return !pairs.empty() || implicit_frees != 0 || ambiguous_frees != 0; }
    };
    enum class Phase { seal, lowered, frees, transients, survivors, latest, close };

    // A memory of a device as the key of a map, and back.
    static constexpr std::uint32_t key_of(const Event& event) noexcept {
        return std::uint32_t{event.device} << 8 | event.type;
    }
    static constexpr Event event_about(EventKind kind, std::uint32_t key) noexcept {
        return {kind, static_cast<std::uint8_t>(key), static_cast<std::uint16_t>(key >> 8)};
    }
    static bool hits(const Event& free, const Event& allocation) noexcept;
    static std::uint64_t latest_key(const Event& event) noexcept;

    bool may_queue() const noexcept;
    bool absorb_for_id(const Event& event);
    bool absorb_latest(const Event& event);
    void note_lowest(Epoch& epoch, const Event& gauge);
    bool absorb_close(const Event& event);
    bool is_in_earlier_epoch(std::uint64_t id) const noexcept;
    void fold_on_close(Epoch& epoch, std::uint16_t device);

    Epoch& open_epoch();
    void note_as_earlier(const Epoch& epoch);
    std::uint32_t new_op(const Event& event);
    void append(IdEvents& list, const Event& event);
    void pop_front(IdEvents& list) noexcept;
    bool replace_live_allocation(IdEvents& list, const Event& event);
    void append_free(IdEvents& list, const Event& event);
    void fold(IdEvents& list, std::uint64_t id);
    void forget_rest_of_name(Epoch& epoch, std::uint16_t device) noexcept;
    void recycle_front() noexcept;
    void count_pair(const Event& allocation);

    // What a list does to a table that holds live_ of its id. Afterwards live_ is what the table holds then, and matched_,
    // per event of the list, how many of its reports concern allocations of the list.
    struct LocalEffect {
        std::uint32_t balanced_length = 0;    // the longest prefix after which nothing of the list is live
        std::uint64_t ambiguous_frees = 0;    // within that prefix, where the rest of it will not be found to be
        std::uint64_t implicit_frees = 0;     // within that prefix
    };
    LocalEffect local_effect(const IdEvents& list);
    enum class Replaced { nothing, one_of_list, another };
    Replaced replace_live_entry(const Event& allocation);
    std::uint32_t free_live_entries(const Event& free, LocalEffect& effect);
    void find_what_earlier_epochs_leave_live(std::uint64_t id);

    template <class Push>
    bool send_queue(Push& push);
    template <class Push>
    bool send_epoch(Push& push);
    template <class Push>
    bool send_lowered(Epoch& epoch, Push& push);
    template <class Push>
    bool send_ids(Epoch& epoch, Push& push);
    template <class Push>
    bool send_latest(Epoch& epoch, Push& push);
    template <class Push>
    bool send_folded(Push& push);
    std::uint32_t sendable(const IdEvents& list);

    std::uint64_t limit_;
    std::uint64_t queue_limit_;
    std::uint64_t events_ = 0;
    std::uint64_t untold_ = 0;  // reports that cancelled out or were overtaken; told last, when their counts are sent
    EventQueue queue_;          // older than whatever is in the epochs
    std::vector<Op, MappedAllocator<Op>> ops_;
    std::uint32_t free_op_ = none;
    std::list<Epoch, MappedAllocator<Epoch>> epochs_;  // the last one is open unless phase_ says it is being sent
    std::vector<Earlier, MappedAllocator<Earlier>> earlier_;
    std::list<Epoch, MappedAllocator<Epoch>> spare_;   // at most one, empty: entering this state must not cost system calls
    std::uint64_t next_number_ = 0;
    // Scratch.
    LiveEntries live_;
    std::size_t unlike_each_other_from_ = 0;  // in live_: what was allocated since the last free
    std::vector<std::uint32_t, MappedAllocator<std::uint32_t>> matched_;
    using NumberAndKey = std::pair<std::uint64_t, std::uint64_t>;
    std::vector<NumberAndKey, MappedAllocator<NumberAndKey>> by_number_;
    Folded folded_;

    Phase phase_ = Phase::seal;
    Map<std::uint64_t, IdEvents>::iterator next_id_;
};

template <class Push>
bool Coalescer::flush(Push&& push) noexcept {
    try {
        if (!send_queue(push)) return false;
        const auto push_held = [&push](Event event) {
            event.held = true;
            return push(event);
        };
        while (!epochs_.empty()) {
            if (!send_epoch(push_held)) return false;
            recycle_front();
            phase_ = Phase::seal;
        }
        return send_folded(push_held);
    } catch (...) {  // no memory to seal with: later
        return false;
    }
}

template <class Push>
bool Coalescer::send_queue(Push& push) {
    while (!queue_.empty()) {
        if (!push(queue_.front())) return false;
        queue_.pop();
        --events_;
    }
    return true;
}

template <class Push>
bool Coalescer::send_epoch(Push& push) {
    Epoch& epoch = epochs_.front();
    if (phase_ == Phase::seal) {
        next_id_ = epoch.ids.begin();
        phase_ = Phase::lowered;
    }
    if (phase_ == Phase::lowered) {
        if (!send_lowered(epoch, push)) return false;
        phase_ = Phase::frees;
    }
    while (phase_ < Phase::latest) {
        if (!send_ids(epoch, push)) return false;
        next_id_ = epoch.ids.begin();
        phase_ = static_cast<Phase>(static_cast<int>(phase_) + 1);
    }
    if (!send_latest(epoch, push)) return false;
    phase_ = Phase::close;
    if (epoch.close) {
        if (!push(*epoch.close)) return false;
        epoch.close.reset();
        --events_;
    }
    return true;
}

template <class Push>
bool Coalescer::send_lowered(Epoch& epoch, Push& push) {
    while (!epoch.lowest.empty()) {
        const auto at = epoch.lowest.begin();
        Event event = event_about(EventKind::lowered_usage, at->first);
        event.size = at->second;
        if (!push(event)) return false;
        epoch.lowest.erase(at);
        --events_;
    }
    return true;
}

template <class Push>
bool Coalescer::send_ids(Epoch& epoch, Push& push) {
    for (; next_id_ != epoch.ids.end(); ++next_id_) {
        IdEvents& list = next_id_->second;
        for (std::uint32_t left = sendable(list); left > 0; --left) {
            if (!push(ops_[list.first].event)) return false;
            pop_front(list);
        }
    }
    return true;
}

template <class Push>
bool Coalescer::send_latest(Epoch& epoch, Push& push) {
    if (by_number_.empty()) {  // else it is being sent, the first last
        by_number_.reserve(epoch.latest.size());  // all of them or, for want of memory, none
        for (const auto& [key, latest] : epoch.latest) by_number_.emplace_back(latest.number, key);
        std::sort(by_number_.begin(), by_number_.end(), std::greater<>());
    }
    for (; !by_number_.empty(); by_number_.pop_back()) {
        const auto at = epoch.latest.find(by_number_.back().second);
        if (!push(at->second.event)) return false;
        epoch.latest.erase(at);
        --events_;
    }
    return true;
}

template <class Push>
bool Coalescer::send_folded(Push& push) {
    while (!folded_.pairs.empty()) {
        const auto at = folded_.pairs.begin();
        if (at->second.pairs == 0) {  // there was no memory to go on
            folded_.pairs.erase(at);
            continue;
        }
        Event event = event_about(EventKind::folded_pairs, at->first);
        event.id = at->second.pairs;
        event.size = at->second.bytes;
        if (!push(event)) return false;
        folded_.pairs.erase(at);
    }
    if (folded_.implicit_frees != 0 || folded_.ambiguous_frees != 0) {
        Event event;
        event.kind = EventKind::folded_frees;
        event.id = folded_.implicit_frees;
        event.size = folded_.ambiguous_frees;
        if (!push(event)) return false;
        folded_.implicit_frees = folded_.ambiguous_frees = 0;
    }
    if (untold_ != 0) {
        Event event;
        event.kind = EventKind::coalesced_reports;
        event.id = untold_;
        if (!push(event)) return false;
        untold_ = 0;
    }
    return true;
}

}  // namespace trackshm::shm
