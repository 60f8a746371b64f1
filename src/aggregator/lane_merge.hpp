// SPDX-License-Identifier: Apache-2.0
//
// Takes the events of a process's lanes off in the order of their tickets: a k-way merge by runs, bounded by a batch.
// Why that is the program's order: shm/drain_order.hpp. What the lanes say is not trusted: a batch is made only of
// events that an honest process can have written.
//
// Modelled in tests/models, as the consumer of every model with several lanes.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "shm/event.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::aggregator {

// Events of one pass, in order, and where the lanes stand after them.
struct Batch {
    std::uint64_t slots = 0;        // events
    std::uint64_t reports = 0;      // of the program, that they stand for
    std::uint64_t allocations = 0;  // among the events
    std::array<std::uint64_t, shm::lane_count> positions{};
    std::uint64_t estate_position = 0;
    std::uint64_t applied_below = 0;  // once these are applied, so is every visible event with a smaller ticket
    bool complete = false;            // nothing visible was left behind

    // Small enough for the events and their undo records to stay in the nearest caches.
    static constexpr std::size_t max_events = 512;
    std::uint64_t limit = max_events;  // on `slots`; less where so many would not fit into the undo log
    std::array<shm::Event, max_events> storage;
    std::span<const shm::Event> events() const noexcept { return {storage.data(), slots}; }

    void clear() noexcept { slots = reports = allocations = 0; }
};

template <class Atomics>
class BasicLaneMerge {
public:
    using Slot = shm::BasicSlot<Atomics>;

    // Before the lanes of a pass are looked at.
    void clear() noexcept { head_count_ = 0; }

    // A lane of `capacity` slots, a power of two, that is published up to `write` and read up to `position`, which a merge
    // moves on. False if that cannot be: a lane never holds more than its slots, and its position never steps back.
    bool add(const Slot* slots, std::uint64_t capacity, std::uint64_t write, std::uint64_t* position) noexcept {
        const std::uint64_t read = *position;
        if (write == read) return true;
        if (write - read > capacity) return false;  // also a step back: the difference wraps
        Head& head = heads_[head_count_++];
        head = {slots, capacity - 1, read, write, position, 0};
        head.ticket = slots[read & head.mask].ticket.load(std::memory_order_relaxed);
        return true;
    }

    // Events the lanes show.
    std::uint64_t waiting() const noexcept {
        std::uint64_t all = 0;
        for (std::uint32_t i = 0; i < head_count_; ++i) all += heads_[i].write - heads_[i].read;
        return all;
    }
    // Whether each lane's next event has a ticket that was given out.
    bool starts_below(std::uint64_t tickets) const noexcept {
        return std::all_of(heads_.begin(), heads_.begin() + head_count_,
                           [&](const Head& head) { return head.ticket < tickets; });
    }

    // Appends the events below the limit to the batch, as many as it takes. False if they cannot be true.
    bool merge(Batch& batch, std::uint64_t ticket_limit) noexcept;

private:
    // One lane with something to read.
    struct Head {
        const Slot* slots;
        std::uint64_t mask;
        std::uint64_t read;
        std::uint64_t write;
        std::uint64_t* position;
        std::uint64_t ticket;
    };

    bool take_run(Batch& batch, Head& head, std::uint64_t ticket_limit) noexcept;

    std::array<Head, shm::lane_count + 1> heads_;  // and the estate
    std::uint32_t head_count_ = 0;
};

using LaneMerge = BasicLaneMerge<shm::StdAtomics>;

template <class Atomics>
bool BasicLaneMerge<Atomics>::merge(Batch& batch, std::uint64_t ticket_limit) noexcept {
    batch.complete = false;
    for (;;) {
        Head* first = nullptr;
        std::uint64_t second_ticket = ticket_limit;
        for (std::uint32_t i = 0; i < head_count_; ++i) {
            Head& head = heads_[i];
            if (head.read == head.write) continue;
            if (first == nullptr || head.ticket < first->ticket) {
                if (first != nullptr) second_ticket = std::min(second_ticket, first->ticket);
                first = &head;
            } else {
                second_ticket = std::min(second_ticket, head.ticket);
            }
        }
        if (first == nullptr || first->ticket >= ticket_limit) {
            batch.complete = first == nullptr;
            batch.applied_below = ticket_limit;
            return true;
        }
        // Each ticket is given out once. Going on would take nothing from either lane, for ever.
        if (second_ticket == first->ticket) return false;
        if (batch.slots >= batch.limit) {
            batch.applied_below = first->ticket;
            return true;
        }
        if (!take_run(batch, *first, second_ticket)) return false;
    }
}

// Takes events off one lane while their tickets are below the next lane's.
template <class Atomics>
bool BasicLaneMerge<Atomics>::take_run(Batch& batch, Head& head, std::uint64_t ticket_limit) noexcept {
    // In registers: as far as the compiler knows, a store into the batch might change any of these in memory.
    const std::uint64_t limit = batch.limit;
    std::uint64_t taken = batch.slots;
    std::uint64_t reports = batch.reports;
    std::uint64_t allocations = batch.allocations;
    std::uint64_t read = head.read;
    std::uint64_t ticket = head.ticket;
    bool sound = true;
    while (ticket < ticket_limit && taken < limit) {
        shm::Event& event = batch.storage[taken];
        shm::load_event(event, head.slots[read & head.mask]);
        sound = shm::is_valid(event);
        if (!sound) break;
        ++taken;
        reports += event.reports();
        allocations += event.kind == shm::EventKind::allocation;
        if (++read == head.write) break;
        const std::uint64_t next = head.slots[read & head.mask].ticket.load(std::memory_order_relaxed);
        sound = next > ticket;  // tickets of a lane only grow
        if (!sound) break;
        ticket = next;
    }
    batch.slots = taken;
    batch.reports = reports;
    batch.allocations = allocations;
    *head.position = head.read = read;
    head.ticket = ticket;
    return sound;
}

}  // namespace trackshm::aggregator
