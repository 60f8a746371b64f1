// SPDX-License-Identifier: Apache-2.0
//
// How a thread gets a lane of its own and how the next thread takes it over. See LaneState for who may touch what.
// Modelled in tests/models/lane_claim_model.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "shm/process_abi.hpp"

namespace trackshm::shm {

enum class ClaimResult {
    claimed,
    taken,       // another thread's
    no_storage,  // nobody's; `reserve` failed
};

// `reserve` gives an untouched lane its storage. Which lanes have some is told by their own state and nothing else: a
// thread that claims the next lane may be done before this one has begun.
template <class Atomics, class Reserve>
ClaimResult claim(BasicLaneHeader<Atomics>& lane, Reserve&& reserve) noexcept {
    LaneState found = lane.state.load(std::memory_order_relaxed);
    if (found == LaneState::claimed) return ClaimResult::taken;
    // acquire: the position the last owner left
    if (!lane.state.compare_exchange_strong(found, LaneState::claimed, std::memory_order_acquire)) {
        return ClaimResult::taken;
    }
    if (found == LaneState::untouched && !reserve()) {
        lane.state.store(LaneState::untouched, std::memory_order_release);
        return ClaimResult::no_storage;
    }
    return ClaimResult::claimed;
}

template <class Atomics>
void hand_back(BasicLaneHeader<Atomics>& lane) noexcept {
    lane.state.store(LaneState::idle, std::memory_order_release);  // acquired by the next claim
}

// Makes the drain look at lanes 0..count-1. An event in one of them is published after this, so a drain that must see
// the event sees the count as well.
template <class Counter>
void raise_lanes_used(Counter& lanes_used, std::uint32_t count) noexcept {
    std::uint32_t used = lanes_used.load(std::memory_order_relaxed);
    while (used < count && !lanes_used.compare_exchange_weak(used, count, std::memory_order_release)) {
    }
}

}  // namespace trackshm::shm
