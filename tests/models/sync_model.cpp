// SPDX-License-Identifier: Apache-2.0
//
// A thread reports twice and waits for the watermark, as trackshm_sync does; the aggregator drains, publishes, and sets the
// watermark to how far its pass came. A pass takes one event here, so most end before their limit. When the wait ends, the
// event is in the published counters.
#include <array>

#include "drain.hpp"
#include "model.hpp"

namespace trackshm::models {
namespace {

enum class Twin { none, no_mark, watermark_relaxed, wait_relaxed, watermark_before_publication, watermark_at_limit };

struct SyncModel : rl::test_suite<SyncModel, 2> {
    static inline Twin twin;

    static constexpr std::uint64_t events = 2;
    static constexpr std::uint64_t capacity = events;
    using Lane = shm::BasicProducerLane<ModelAtomics>;

    SharedWord<std::uint64_t> tickets;
    SharedWord<std::uint64_t> watermark;
    std::array<shm::BasicLaneHeader<ModelAtomics>, 2> headers;  // the shared lane and the thread's own
    std::array<std::array<shm::BasicSlot<ModelAtomics>, capacity>, 2> slots;
    Plain<std::uint64_t> counted;  // in the published counters

    void before() {
        if (twin == Twin::watermark_relaxed) watermark.weaken(Weakened::stores);
        if (twin == Twin::wait_relaxed) watermark.weaken(Weakened::loads);
    }

    void thread(unsigned index) { index == 0 ? report_and_wait() : serve(); }

    void report_and_wait() {
        Lane own = Lane::at(slots[1].data(), &headers[1], capacity, capacity);
        for (std::uint64_t i = 0; i < events; ++i) {
            require(own.push(tickets, {shm::EventKind::allocation}), "there is room");
        }
        if (twin != Twin::no_mark) {
            Lane shared = Lane::at(slots[0].data(), &headers[0], capacity, capacity);
            require(shared.push(tickets, shm::mark), "there is room");
        }
        const std::uint64_t awaited = tickets.load(std::memory_order_relaxed);
        while (watermark.load(std::memory_order_acquire) < awaited) yield();
        require(counted.get() == events, "what was reported before is in the published counters");
    }

    void serve() {
        const std::uint64_t last = twin == Twin::no_mark ? events : events + 1;
        Drain<2> drain(1);
        std::uint64_t count = 0;
        std::uint64_t pass_limit = 0;
        while (drain.applied_below() < last) {
            const std::uint64_t before = drain.applied_below();
            const auto look = [&] { return drain.look(headers, slots); };
            const auto merge = [&](std::uint64_t limit) {
                pass_limit = limit;
                return drain.merge(headers, limit, [&](const shm::Event& event) { count += !shm::is_mark(event); });
            };
            require(shm::drain_in_order(tickets, look, merge), "an honest process passes for one");
            if (drain.applied_below() == before) yield();
            const std::uint64_t mark = twin == Twin::watermark_at_limit ? pass_limit : drain.applied_below();
            if (twin == Twin::watermark_before_publication) watermark.store(mark, std::memory_order_release);
            if (count != published_) counted.set(published_ = count);
            watermark.store(mark, std::memory_order_release);
        }
    }

    std::uint64_t published_ = 0;
};

}  // namespace
}  // namespace trackshm::models

int main() {
    using namespace trackshm::models;
    return run_models({
        model<SyncModel>("trackshm_sync ends when what was reported before is published",
                         {{rl::sched_random, 40'000}, {rl::sched_bound, 100'000, 2}}),
        twin<SyncModel>(Twin::no_mark, "it waits for the last event's ticket instead of a mark's"),
        twin<SyncModel>(Twin::watermark_relaxed, "the watermark is set relaxed"),
        twin<SyncModel>(Twin::wait_relaxed, "the watermark is read relaxed"),
        twin<SyncModel>(Twin::watermark_before_publication, "the watermark is set before the publication"),
        twin<SyncModel>(Twin::watermark_at_limit, "the watermark is set to a limit that a full batch did not reach"),
    });
}
