// SPDX-License-Identifier: Apache-2.0
//
// Two threads whose lanes and shared lane hold one slot each, so that the process often coalesces and is active again; a
// flusher; and a drain. The program orders some of their events by a flag. Each event is applied exactly once, after
// those it depends on, whichever way each of them went: sent, spilled or held.
//
// What is held is a queue here. That the real one keeps the order of an id is for tests/shm/coalescer_test.cpp; it is
// touched under the mutex alone, which Relacy checks on this one.
#include <array>

#include "drain.hpp"
#include "model.hpp"
#include "shm/gate.hpp"

namespace trackshm::models {
namespace {

enum class Twin {
    none,
    look_relaxed,
    active_relaxed,
    active_before_sent,
    active_when_half_sent,
    not_told,
};

struct CoalescingModel : rl::test_suite<CoalescingModel, 4> {
    static inline Twin twin;

    static constexpr std::uint64_t events_per_thread = 3;
    static constexpr std::uint64_t events = 2 * events_per_thread;
    static constexpr std::size_t shared = 2;  // the lane both may use under the mutex
    using Lane = shm::BasicProducerLane<ModelAtomics>;

    SharedWord<std::uint64_t> tickets;
    shm::BasicGate<ModelAtomics> gate;
    std::array<shm::BasicLaneHeader<ModelAtomics>, 3> headers;
    std::array<std::array<shm::BasicSlot<ModelAtomics>, 1>, 3> slots;
    std::array<SharedWord<std::uint64_t>, 2> done;  // the program's own: events a thread has reported

    Mutex mutex;  // guards these
    Lane shared_lane;
    std::array<Plain<std::uint64_t>, events> held;
    Plain<std::uint64_t> held_from;
    Plain<std::uint64_t> held_to;

    // Of the drain alone.
    Drain<3> drain;
    std::array<bool, events> applied{};
    // Of an event: how many of the other thread's its thread had seen done.
    std::array<std::uint64_t, events> seen_of_other{};

    void before() {
        // It begins while the process coalesces: thread 0's first event is held.
        gate.mode.store(twin == Twin::not_told ? shm::Mode::active : shm::Mode::coalescing, std::memory_order_release);
        hold({shm::EventKind::allocation});
        done[0].store(1, std::memory_order_release);
        if (twin == Twin::look_relaxed) gate.mode.weaken(Weakened::loads);
        if (twin == Twin::active_relaxed) gate.mode.weaken(Weakened::stores);
        shared_lane = lane_at(shared);
    }

    Lane lane_at(std::size_t index) { return Lane::at(slots[index].data(), &headers[index], 1); }

    void thread(unsigned index) {
        if (index == 2) return drain_along();
        if (index == 3) return flush_along();
        Lane lane = lane_at(index);
        for (std::uint64_t i = done[index].load(std::memory_order_relaxed); i < events_per_thread; ++i) {
            const std::uint64_t id = index * events_per_thread + i;
            seen_of_other[id] = done[1 - index].load(std::memory_order_acquire);
            report(lane, {shm::EventKind::allocation, 0, 0, 1, id, seen_of_other[id]});
            done[index].store(i + 1, std::memory_order_release);
        }
    }

    void drain_along() {
        for (int i = 0; i < 4; ++i) pass();
    }

    // As flusher.cpp's thread and trackshm_sync do: it ends the coalescing with another thread's event.
    void flush_along() {
        for (int i = 0; i < 2; ++i) {
            mutex.lock();
            flush();
            mutex.unlock();
        }
    }

    // As hook.cpp and producer.cpp do.
    void report(Lane& lane, const shm::Event& event) {
        if (gate.look() == shm::Mode::active && lane.push(tickets, event)) return;
        if (gate.look() == shm::Mode::active && lane.refresh() && lane.push(tickets, event)) return;
        mutex.lock();
        const auto spill = [&] { return push_shared(event); };
        if (twin == Twin::not_told) {
            if (held_from.get() != held_to.get() || !spill()) hold(event);
        } else {
            shm::spill_or_hold(gate, spill, [&] { hold(event); });
        }
        flush();
        mutex.unlock();
    }

    bool push_shared(const shm::Event& event) {
        if (shared_lane.room() == 0 && !shared_lane.refresh()) return false;
        return shared_lane.push(tickets, event);
    }

    void hold(const shm::Event& event) {
        held[held_to.get()].set(event.id);
        held_to.set(held_to.get() + 1);
    }

    void flush() {
        if (held_from.get() == held_to.get()) return;
        if (twin == Twin::active_before_sent) gate.mode.store(shm::Mode::active, std::memory_order_release);
        if (twin == Twin::active_when_half_sent) {
            shm::send_held(gate, [&] { return send_one(); });
        } else if (twin == Twin::not_told) {
            while (held_from.get() != held_to.get() && send_one()) {
            }
        } else {
            shm::send_held(gate, [&] {
                while (held_from.get() != held_to.get()) {
                    if (!send_one()) return false;
                }
                return true;
            });
        }
    }

    bool send_one() {
        const std::uint64_t id = held[held_from.get()].get();
        if (!push_shared({shm::EventKind::allocation, 0, 0, 1, id, seen_of_other[id]})) return false;
        held_from.set(held_from.get() + 1);
        return true;
    }

    void pass() {
        const auto look = [&] {
            drain.look(headers);
            return true;
        };
        const auto merge = [&](std::uint64_t limit) {
            drain.merge(headers, slots, limit, [&](const shm::Event& event) { apply(event); });
            return true;
        };
        shm::drain_in_order(tickets, look, merge);
    }

    void apply(const shm::Event& event) {
        require(!applied[event.id], "an event is applied once");
        const std::uint64_t thread = event.id / events_per_thread;
        if (event.id % events_per_thread != 0) {
            require(applied[event.id - 1], "after the event before it in its thread");
        }
        if (event.size != 0) {
            require(applied[(1 - thread) * events_per_thread + event.size - 1], "after what its thread had seen done");
        }
        applied[event.id] = true;
    }

    // What the flusher does in the end.
    void after() {
        for (std::uint64_t i = 0; i < events; ++i) {
            pass();
            flush();
        }
        pass();
        for (const bool one : applied) require(one, "an event is applied in the end");
        require(gate.look() == shm::Mode::active, "the process is active when nothing is held");
    }
};

}  // namespace
}  // namespace trackshm::models

int main() {
    using namespace trackshm::models;
    return run_models({
        model<CoalescingModel>("order is kept between what is held and what is sent, both ways",
                               {{rl::sched_random, 20'000}}),
        twin<CoalescingModel>(Twin::look_relaxed, "hooks read the mode relaxed"),
        twin<CoalescingModel>(Twin::active_relaxed, "the mode goes back to active relaxed"),
        twin<CoalescingModel>(Twin::active_before_sent, "the mode goes back before anything is sent"),
        twin<CoalescingModel>(Twin::active_when_half_sent, "the mode goes back when part of it is sent"),
        twin<CoalescingModel>(Twin::not_told, "only the thread that holds events knows"),
    });
}
