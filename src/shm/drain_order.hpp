// SPDX-License-Identifier: Apache-2.0
//
// The consumer's end of the lanes: what a drain loads, in which order, and why that is the program's order.
//
// A pass loads the ticket counter first (g), then every lane's write position, and merges the lanes by ticket up to g.
// Claim: if event p happened before event e in the program, and a pass applies e, then p was applied before it. Because
// p's publish came before e's fetch_add (acq_rel); the load of g (acquire) reads a value at or after that fetch_add and
// so synchronises with it through the release sequence; so the later load of p's lane sees p; and p's ticket is smaller.
// An event with a ticket below g that is not visible yet is one whose hook has not returned: nothing can depend on it,
// it is applied in a later pass.
//
// What it does not say: that a pass with limit g applies every event with a ticket below g. Whoever wants to know that
// his events are applied takes a ticket after them and waits for a pass whose limit lies above (sync.cpp).
//
// The merge is aggregator/lane_merge.hpp. Modelled in tests/models: order_model.cpp, lane_model.cpp, sync_model.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "shm/process_abi.hpp"

namespace trackshm::shm {

// `look` loads the lanes' positions; `merge(limit)` takes what they show with tickets below the limit.
template <class Counter, class Look, class Merge>
bool drain_in_order(const Counter& tickets, Look&& look, Merge&& merge) {
    const std::uint64_t ticket_limit = tickets.load(std::memory_order_acquire);
    return look() && merge(ticket_limit);
}

template <class Counter>
std::uint32_t lanes_to_look_at(const Counter& lanes_used) noexcept {
    return lanes_used.load(std::memory_order_acquire);  // release: raise_lanes_used
}

template <class Atomics>
std::uint64_t published_position(const BasicLaneHeader<Atomics>& lane) noexcept {
    return lane.write_position.load(std::memory_order_acquire);  // release: ProducerLane::push
}

// The slots below were copied, and what came of them is committed: they are the producer's again.
template <class Atomics>
void release_slots_below(BasicLaneHeader<Atomics>& lane, std::uint64_t position) noexcept {
    if (lane.read_position.load(std::memory_order_relaxed) == position) return;
    lane.read_position.store(position, std::memory_order_release);  // acquired by ProducerLane::refresh
}

}  // namespace trackshm::shm
