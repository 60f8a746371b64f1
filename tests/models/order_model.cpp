// SPDX-License-Identifier: Apache-2.0
//
// Two threads that claim a lane each while a drain makes its passes. Thread 0 reports 0; thread 1, if it sees that
// through a flag of the program, reports 1; thread 0, if it sees that, reports 2. Whatever pass applies one of them has
// applied those it depends on before, also from a lane that was nobody's when the pass before began.
#include <array>

#include "drain.hpp"
#include "model.hpp"
#include "shm/lane_claim.hpp"

namespace trackshm::models {
namespace {

enum class Twin {
    none,
    ticket_relaxed,
    limit_relaxed,
    publish_relaxed,
    look_relaxed,
    look_before_limit,
    lanes_counted_before_limit,
    lanes_raised_late,
    no_limit,
};

struct OrderModel : rl::test_suite<OrderModel, 3> {
    static inline Twin twin;

    static constexpr std::uint64_t capacity = 2;
    using Lane = shm::BasicProducerLane<ModelAtomics>;
    using LaneHeader = shm::BasicLaneHeader<ModelAtomics>;

    SharedWord<std::uint64_t> tickets;
    SharedWord<std::uint32_t> lanes_used;
    std::array<LaneHeader, 2> headers;
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
        std::uint32_t raised = 0;
        Lane lane = claim_lane(raised);
        if (index == 0) {
            report(lane, 0);
            reported[0].store(true, std::memory_order_release);
            if (twin == Twin::lanes_raised_late) shm::raise_lanes_used(lanes_used, raised);
            if (reported[1].load(std::memory_order_acquire)) report(lane, 2);
        } else if (reported[0].load(std::memory_order_acquire)) {
            report(lane, 1);
            reported[1].store(true, std::memory_order_release);
        }
    }

    // As Producer::claim_lane does. `raised`: what lanes_used is to be at least.
    Lane claim_lane(std::uint32_t& raised) {
        for (std::uint32_t i = 0;; i = (i + 1) % 2) {
            const auto reserve = [&] {
                raised = i + 1;
                if (twin != Twin::lanes_raised_late) shm::raise_lanes_used(lanes_used, raised);
                return true;
            };
            if (shm::claim(headers[i], reserve) == shm::ClaimResult::claimed) {
                return Lane::at(slots[i].data(), &headers[i], capacity, capacity);
            }
            yield();
        }
    }

    void report(Lane& lane, std::uint64_t id) {
        require(lane.push(tickets, {shm::EventKind::allocation, 0, 0, 1, id}), "there is room");
    }

    void drain() {
        Drain<2> drain;
        std::uint64_t next = 0;
        std::uint32_t used = 0;
        const auto count = [&] { used = shm::lanes_to_look_at(lanes_used); };
        const auto look = [&] {
            if (twin != Twin::lanes_counted_before_limit) count();
            return drain.look(headers, slots, used);
        };
        const auto merge = [&](std::uint64_t limit) {
            return drain.merge(headers, twin == Twin::no_limit ? ~std::uint64_t{0} : limit,
                               [&](const shm::Event& event) { require(event.id == next++, in_order); });
        };
        for (int pass = 0; pass < 3; ++pass) {
            if (twin == Twin::lanes_counted_before_limit) count();
            if (twin == Twin::look_before_limit) {
                require(look() && merge(tickets.load(std::memory_order_acquire)), sound);
            } else {
                require(shm::drain_in_order(tickets, look, merge), sound);
            }
        }
    }

    static constexpr const char* in_order = "what happened before an event is applied before it";
    static constexpr const char* sound = "an honest process passes for one";
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
        twin<OrderModel>(Twin::lanes_counted_before_limit, "the lanes are counted before the ticket counter is read"),
        twin<OrderModel>(Twin::lanes_raised_late, "a lane is counted after its first event"),
        twin<OrderModel>(Twin::no_limit, "whatever is visible is applied"),
    });
}
