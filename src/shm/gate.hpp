// SPDX-License-Identifier: Apache-2.0
//
// The gate every report passes: which way events go, and how order survives a change of the way.
//
// Active: each thread writes to its own lane. Coalescing: whoever reports hands the event over to be held, under the
// producer's mutex. Claim: events are still applied in the program's order, whichever way each one went.
//
//   sent, then held:   the held one gets its ticket later, from a flush that the mutex orders after its hook.
//   held, then sent:   the first hook stored `coalescing` or saw it, so a hook after it sees that or a later mode. If
//                      that is `active`, its acquire load meets the release store of the flush that sent the first:
//                      that event's ticket is smaller, and its slot published before the second takes a ticket.
//
// Modelled in tests/models/coalescing_model.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "shm/atomics.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::shm {

enum class Mode : std::uint32_t { undecided = 0, active = 1, coalescing = 2, off = 3 };

// Alone on a page that the kernel wipes in a forked child (MADV_WIPEONFORK), so that even a raw clone(), which runs no
// pthread_atfork handler, leaves the child undecided and it starts over as a process of its own.
template <class Atomics>
struct alignas(page_bytes) BasicGate {
    typename Atomics::template Shared<Mode> mode{Mode::undecided};
    // This very process, not a parent of it, has a producer.
    typename Atomics::template Shared<bool> made{false};
    // Taken by the thread that makes it or decides. Here, so that a child forked meanwhile finds it free.
    typename Atomics::template Shared<bool> taken{false};

    // Of hooks. Acquires what the flush that made the process active has sent.
    Mode look() const noexcept { return mode.load(std::memory_order_acquire); }
    // Of whoever holds the producer's mutex, under which the process turns to coalescing and back.
    Mode look_under_mutex() const noexcept { return mode.load(std::memory_order_relaxed); }
};

using Gate = BasicGate<StdAtomics>;

// An event that did not fit into its own lane. Under the mutex. `spill` sends it another way, if it can; otherwise
// it is held, and so is everything after it.
template <class Atomics, class Spill, class Hold>
void spill_or_hold(BasicGate<Atomics>& gate, Spill&& spill, Hold&& hold) noexcept {
    if (gate.look_under_mutex() == Mode::active) {
        if (spill()) return;
        gate.mode.store(Mode::coalescing, std::memory_order_release);  // for readers elsewhere; its hooks need no order
    }
    hold();
}

// Sends what was held, as far as there is room, under the mutex. The process is active again only when all of it is out.
template <class Atomics, class SendAll>
bool send_held(BasicGate<Atomics>& gate, SendAll&& send_all) noexcept {
    if (!send_all()) return false;
    gate.mode.store(Mode::active, std::memory_order_release);  // acquired by look()
    return true;
}

}  // namespace trackshm::shm
