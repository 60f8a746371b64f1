// SPDX-License-Identifier: Apache-2.0
//
// The producer's end of a lane: a single-producer single-consumer ring of slots (Lamport 1983; each side caches the
// other's position, as in FastForward and its descendants). The consumer's end is in drain_order.hpp.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "shm/event.hpp"
#include "shm/os.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::shm {

// How far ahead slots are fetched for writing: four lines. The ticket's fetch_add drains the store buffer, so a slot
// line that the aggregator's core still owns would make it wait.
inline constexpr std::uint64_t prefetch_slots = 8;

template <class Atomics>
struct BasicProducerLane {
    using Tickets = typename Atomics::template Shared<std::uint64_t>;

    BasicSlot<Atomics>* slots = nullptr;
    BasicLaneHeader<Atomics>* header = nullptr;
    std::uint64_t write_position = 0;
    std::uint64_t write_limit = 0;  // full when write_position gets here; refreshed from the aggregator's position
    std::uint64_t capacity = 0;     // a power of two
    std::uint64_t storage = 0;      // slots that have some; less than the capacity during the first lap

    // A lane just claimed. Goes on where its last owner stopped: the claim acquired that.
    static BasicProducerLane at(BasicSlot<Atomics>* slots, BasicLaneHeader<Atomics>* header, std::uint64_t capacity,
                                std::uint64_t storage) noexcept {
        BasicProducerLane lane{slots,    header, header->write_position.load(std::memory_order_relaxed), 0,
                               capacity, storage};
        lane.refresh();
        return lane;
    }

    // Cost: one fetch_add, five plain stores. False if the lane looks full; then nothing was written, no ticket taken.
    bool push(Tickets& tickets, std::uint64_t what, std::uint64_t id, std::uint64_t size) noexcept {
        if (write_position == write_limit) [[unlikely]] return false;
        // Its release is what the drain's argument of order stands on, see drain_order.hpp.
        const std::uint64_t ticket = tickets.fetch_add(1, std::memory_order_acq_rel);
        store_slot(slots[write_position & (capacity - 1)], ticket, what, id, size);
        ++write_position;
        header->write_position.store(write_position, std::memory_order_release);  // acquired by the drain
        prefetch_for_write(&slots[(write_position + prefetch_slots) & (capacity - 1)]);
        return true;
    }
    bool push(Tickets& tickets, const Event& event) noexcept {
        return push(tickets, pack_what(event), event.id, event.size);
    }

    // Looks at how far the aggregator has come. True if there is room. A position that makes no sense counts as full:
    // the aggregator's side of the segment is not trusted either.
    bool refresh() noexcept {
        const std::uint64_t read_position = header->read_position.load(std::memory_order_acquire);
        const std::uint64_t waiting = write_position - read_position;
        write_limit = waiting <= capacity ? read_position + capacity : write_position;
        if (storage < capacity) write_limit = std::min(write_limit, storage);
        return write_position != write_limit;
    }

    // After a refresh: there would be more room with more storage.
    bool lacks_storage() const noexcept { return storage < capacity && write_limit == storage; }
    // The next `count` slots have got some.
    void add_storage(std::uint64_t count) noexcept {
        storage += count;
        refresh();
    }

    std::uint64_t room() const noexcept { return write_limit - write_position; }
};

using ProducerLane = BasicProducerLane<StdAtomics>;

}  // namespace trackshm::shm
