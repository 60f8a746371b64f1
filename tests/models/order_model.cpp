// SPDX-License-Identifier: Apache-2.0
//
// Two threads with a lane each, and a drain that makes its passes meanwhile. Thread 0 reports 0; thread 1, if it sees
// that through a flag of the program, reports 1; thread 0, if it sees that, reports 2. Whatever pass applies one of
// them has applied those it depends on before.
#include <array>

#include "drain.hpp"
#include "model.hpp"

namespace trackshm::models {
namespace {

enum class Twin {
    none,
    ticket_relaxed,
    limit_relaxed,
    publish_relaxed,
    look_relaxed,
    look_before_limit,
    no_limit,
};

struct OrderModel : rl::test_suite<OrderModel, 3> {
    static inline Twin twin;

    static constexpr std::uint64_t capacity = 2;
    using Lane = shm::BasicProducerLane<ModelAtomics>;

    SharedWord<std::uint64_t> tickets;
    std::array<shm::BasicLaneHeader<ModelAtomics>, 2> headers;
    std::array<std::array<shm::BasicSlot<ModelAtomics>, capacity>, 2> slots;
    std::array<SharedWord<bool>, 2> reported;  // the program's own: event i was reported

    void before() {
        if (twin == Twin::ticket_relaxed) tickets.weaken(Weakened::updates);
        if (twin == Twin::limit_relaxed) tickets.weaken(Weakened::loads);
        for (auto& header : headers) {
            if (twin == Twin::publish_relaxed) header.write_position.weaken(Weakened::stores);
            if (twin == Twin::look_relaxed) header.write_position.weaken(Weakened::loads);
        }
    }

    void thread(unsigned index) {
        if (index == 2) return drain();
        Lane lane = Lane::at(slots[index].data(), &headers[index], capacity);
        if (index == 0) {
            report(lane, 0);
            reported[0].store(true, std::memory_order_release);
            if (reported[1].load(std::memory_order_acquire)) report(lane, 2);
        } else if (reported[0].load(std::memory_order_acquire)) {
            report(lane, 1);
            reported[1].store(true, std::memory_order_release);
        }
    }

    void report(Lane& lane, std::uint64_t id) {
        require(lane.push(tickets, {shm::EventKind::allocation, 0, 0, 1, id}), "there is room");
    }

    void drain() {
        Drain<2> drain;
        std::uint64_t next = 0;
        const auto look = [&] {
            drain.look(headers);
            return true;
        };
        const auto merge = [&](std::uint64_t limit) {
            if (twin == Twin::no_limit) limit = ~std::uint64_t{0};
            drain.merge(headers, slots, limit, [&](const shm::Event& event) {
                require(event.id == next++, "what happened before an event is applied before it");
            });
            return true;
        };
        for (int pass = 0; pass < 3; ++pass) {
            if (twin == Twin::look_before_limit) {
                look();
                merge(tickets.load(std::memory_order_acquire));
            } else {
                shm::drain_in_order(tickets, look, merge);
            }
        }
    }
};

}  // namespace
}  // namespace trackshm::models

int main() {
    using namespace trackshm::models;
    return run_models({
        model<OrderModel>("what happened before an event is applied before it, in every pass",
                          {{rl::sched_random, 60'000}, {rl::sched_bound, 100'000, 2}}),
        twin<OrderModel>(Twin::ticket_relaxed, "a ticket is taken relaxed"),
        twin<OrderModel>(Twin::limit_relaxed, "the ticket counter is read relaxed"),
        twin<OrderModel>(Twin::publish_relaxed, "the write position is published relaxed"),
        twin<OrderModel>(Twin::look_relaxed, "the write positions are read relaxed"),
        twin<OrderModel>(Twin::look_before_limit, "the positions are read before the ticket counter"),
        twin<OrderModel>(Twin::no_limit, "whatever is visible is applied"),
    });
}
