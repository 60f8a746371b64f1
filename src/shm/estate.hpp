// SPDX-License-Identifier: Apache-2.0
//
// The estate: what a process still held when it exited, in slots behind its segment. Both ends of it. Written once, in
// order and with tickets like any other event, under the producer's mutex; read like a lane that is published in one go.
//
// Modelled in tests/models/coalescing_model.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "shm/event.hpp"

namespace trackshm::shm {

template <class Atomics>
struct BasicEstateWriter {
    using Counter = typename Atomics::template Shared<std::uint64_t>;

    BasicSlot<Atomics>* slots;
    std::uint64_t capacity;
    std::uint64_t count = 0;

    bool is_full() const noexcept { return count == capacity; }
    // Where it is not full.
    void push(Counter& next_ticket, const Event& event) noexcept {
        const std::uint64_t ticket = next_ticket.fetch_add(1, std::memory_order_acq_rel);  // as a lane's push does
        store_slot(slots[count++], ticket, pack_what(event), event.id, event.size);
    }
    // Once, at last; where it lies was stored before.
    void publish(Counter& estate_count) const noexcept {
        estate_count.store(count, std::memory_order_release);  // acquired by estate_slots
    }
};
using EstateWriter = BasicEstateWriter<StdAtomics>;

template <class Counter>
std::uint64_t estate_slots(const Counter& estate_count) noexcept {
    return estate_count.load(std::memory_order_acquire);
}

}  // namespace trackshm::shm
