// SPDX-License-Identifier: Apache-2.0
//
// Two threads that come and go on two lanes: each claims one, reports, hands it back, twice; a drain reads along.
// A lane has its storage before its owner touches it; its next owner goes on where the last one stopped; its tickets
// grow; the drain finds every event.
#include <array>

#include "model.hpp"
#include "shm/drain_order.hpp"
#include "shm/lane.hpp"
#include "shm/lane_claim.hpp"

namespace trackshm::models {
namespace {

enum class Twin { none, hand_back_relaxed, claim_relaxed, storage_by_lanes_used };

struct LaneClaimModel : rl::test_suite<LaneClaimModel, 3> {
    static inline Twin twin;

    static constexpr std::uint64_t capacity = 2;
    static constexpr std::uint32_t lanes = 2;
    static constexpr std::uint32_t turns = 2;  // of each thread, one event per turn
    static constexpr std::uint64_t events = 2 * turns;
    using Lane = shm::BasicProducerLane<ModelAtomics>;
    using LaneHeader = shm::BasicLaneHeader<ModelAtomics>;

    SharedWord<std::uint64_t> tickets;
    SharedWord<std::uint32_t> lanes_used;
    std::array<LaneHeader, lanes> headers;
    std::array<std::array<shm::BasicSlot<ModelAtomics>, capacity>, lanes> slots;
    std::array<Plain<bool>, lanes> has_storage;

    void before() {
        for (LaneHeader& header : headers) {
            if (twin == Twin::hand_back_relaxed) header.state.weaken(Weakened::stores);
            if (twin == Twin::claim_relaxed) header.state.weaken(Weakened::updates);
        }
    }

    void thread(unsigned index) {
        if (index == 2) return drain();
        for (std::uint32_t turn = 0; turn < turns; ++turn) {
            while (!report_once()) yield();
        }
    }

    bool reserve(std::uint32_t lane) {
        if (twin == Twin::storage_by_lanes_used && lane < lanes_used.load(std::memory_order_relaxed)) return true;
        has_storage[lane].set(true);
        shm::raise_lanes_used(lanes_used, lane + 1);
        return true;
    }

    bool report_once() {
        for (std::uint32_t i = 0; i < lanes; ++i) {
            if (shm::claim(headers[i], [&] { return reserve(i); }) != shm::ClaimResult::claimed) continue;
            require(has_storage[i].get(), "a lane has storage before its owner touches it");
            Lane lane = Lane::at(slots[i].data(), &headers[i], capacity, capacity);
            while (!lane.push(tickets, {shm::EventKind::allocation})) {
                if (!lane.refresh()) yield();
            }
            shm::hand_back(headers[i]);
            return true;
        }
        return false;
    }

    void drain() {
        std::array<std::uint64_t, lanes> positions{};
        std::array<std::uint64_t, lanes> next_tickets{};
        for (std::uint64_t found = 0; found < events;) {
            const std::uint64_t before = found;
            const std::uint32_t used = shm::lanes_to_look_at(lanes_used);
            for (std::uint32_t i = 0; i < used; ++i) {
                const std::uint64_t published = shm::published_position(headers[i]);
                require(published >= positions[i], "a lane's position never steps back");
                for (; positions[i] < published; ++positions[i], ++found) {
                    const auto& slot = slots[i][positions[i] % capacity];
                    const std::uint64_t ticket = slot.ticket.load(std::memory_order_relaxed);
                    require(ticket >= next_tickets[i], "a lane's tickets grow, whoever owns it");
                    next_tickets[i] = ticket + 1;
                    shm::Event event;
                    shm::load_event(event, slot);
                    require(event.kind == shm::EventKind::allocation, "an event arrives whole");
                }
                shm::release_slots_below(headers[i], positions[i]);
            }
            if (found == before) yield();
        }
    }
};

}  // namespace
}  // namespace trackshm::models

int main() {
    using namespace trackshm::models;
    return run_models({
        model<LaneClaimModel>("a lane passes from thread to thread with its storage, its position and its slots",
                              {{rl::sched_random, 40'000}}),
        twin<LaneClaimModel>(Twin::hand_back_relaxed, "a lane is handed back relaxed"),
        twin<LaneClaimModel>(Twin::claim_relaxed, "a lane is claimed relaxed"),
        twin<LaneClaimModel>(Twin::storage_by_lanes_used, "a lane below lanes_used is taken to have storage"),
    });
}
