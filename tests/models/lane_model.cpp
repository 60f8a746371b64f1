// SPDX-License-Identifier: Apache-2.0
//
// One lane of two slots, wrapped twice: the producer's push and refresh against the consumer's look, copy and release.
// Every event arrives once, in order and whole; no slot is written while it may be read; each ticket is one slot's.
#include <array>

#include "model.hpp"
#include "shm/drain_order.hpp"
#include "shm/lane.hpp"

namespace trackshm::models {
namespace {

enum class Twin {
    none,
    publish_relaxed,
    look_relaxed,
    release_relaxed,
    refresh_relaxed,
    published_before_stored,
    released_before_copied,
    ticket_before_room,
};

constexpr std::uint64_t capacity = 2;
constexpr std::uint64_t events = 5;

struct LaneModel : rl::test_suite<LaneModel, 2> {
    static inline Twin twin;
    using Lane = shm::BasicProducerLane<ModelAtomics>;

    SharedWord<std::uint64_t> tickets;
    shm::BasicLaneHeader<ModelAtomics> header;
    std::array<shm::BasicSlot<ModelAtomics>, capacity> slots;

    void before() {
        if (twin == Twin::publish_relaxed) header.write_position.weaken(Weakened::stores);
        if (twin == Twin::look_relaxed) header.write_position.weaken(Weakened::loads);
        if (twin == Twin::release_relaxed) header.read_position.weaken(Weakened::stores);
        if (twin == Twin::refresh_relaxed) header.read_position.weaken(Weakened::loads);
    }

    void thread(unsigned index) { index == 0 ? produce() : consume(); }

    void produce() {
        Lane lane = Lane::at(slots.data(), &header, capacity, capacity);
        for (std::uint64_t id = 0; id < events; ++id) {
            while (!push(lane, id)) {
                if (!lane.refresh()) yield();
            }
        }
    }

    bool push(Lane& lane, std::uint64_t id) {
        const std::uint64_t what = shm::pack_what(shm::EventKind::allocation, 0, 0);
        if (twin == Twin::ticket_before_room && lane.room() == 0) tickets.fetch_add(1, std::memory_order_acq_rel);
        if (twin == Twin::published_before_stored && lane.room() != 0) {
            header.write_position.store(lane.write_position + 1, std::memory_order_release);
        }
        return lane.push(tickets, what, id, id + 100);
    }

    void consume() {
        for (std::uint64_t position = 0; position < events;) {
            const std::uint64_t published = shm::published_position(header);
            if (published == position) {
                yield();
                continue;
            }
            require(published - position <= capacity, "no more is published than there are slots");
            if (twin == Twin::released_before_copied) shm::release_slots_below(header, published);
            for (; position < published; ++position) check(slots[position % capacity], position);
            shm::release_slots_below(header, position);
        }
    }

    void check(const shm::BasicSlot<ModelAtomics>& slot, std::uint64_t position) {
        shm::Event event;
        shm::load_event(event, slot);
        require(event.id == position && event.size == position + 100, "events arrive in order and whole");
        require(slot.ticket.load(std::memory_order_relaxed) == position, "a lane's tickets grow, none is lost");
    }

    void after() { require(tickets.load(std::memory_order_relaxed) == events, "a full lane takes no ticket"); }
};

}  // namespace
}  // namespace trackshm::models

int main() {
    using namespace trackshm::models;
    return run_models({
        model<LaneModel>("a lane delivers every event once, in order and whole",
                         {{rl::sched_random, 40'000}, {rl::sched_bound, 200'000, 2}}),
        twin<LaneModel>(Twin::publish_relaxed, "the write position is published relaxed"),
        twin<LaneModel>(Twin::look_relaxed, "the write position is read relaxed"),
        twin<LaneModel>(Twin::release_relaxed, "slots are released relaxed"),
        twin<LaneModel>(Twin::refresh_relaxed, "the read position is read relaxed"),
        twin<LaneModel>(Twin::published_before_stored, "a slot is published before it is stored"),
        twin<LaneModel>(Twin::released_before_copied, "slots are released before they are copied"),
        twin<LaneModel>(Twin::ticket_before_room, "the ticket is taken before the look for room"),
    });
}
