// SPDX-License-Identifier: Apache-2.0
//
// A thread reports and waits for the watermark, as trackshm_sync does; the aggregator drains, publishes, and sets the
// watermark to the limit of its pass. When the wait ends, the event is in the published counters.
#include <array>

#include "drain.hpp"
#include "model.hpp"

namespace trackshm::models {
namespace {

enum class Twin { none, no_mark, watermark_relaxed, wait_relaxed, watermark_before_publication };

struct SyncModel : rl::test_suite<SyncModel, 2> {
    static inline Twin twin;

    static constexpr std::uint64_t capacity = 2;
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
        Lane own = Lane::at(slots[1].data(), &headers[1], capacity);
        require(own.push(tickets, {shm::EventKind::allocation}), "there is room");
        if (twin != Twin::no_mark) {
            Lane shared = Lane::at(slots[0].data(), &headers[0], capacity);
            require(shared.push(tickets, shm::mark), "there is room");
        }
        const std::uint64_t awaited = tickets.load(std::memory_order_relaxed);
        while (watermark.load(std::memory_order_acquire) < awaited) yield();
        require(counted.get() == 1, "what was reported before is in the published counters");
    }

    void serve() {
        const std::uint64_t last = twin == Twin::no_mark ? 1 : 2;
        Drain<2> drain;
        std::uint64_t count = 0;
        std::uint64_t applied_below = 0;
        while (applied_below < last) {
            shm::drain_in_order(
                tickets,
                [&] {
                    drain.look(headers);
                    return true;
                },
                [&](std::uint64_t limit) {
                    drain.merge(headers, slots, limit, [&](const shm::Event& event) { count += !shm::is_mark(event); });
                    if (limit == applied_below) yield();
                    applied_below = limit;
                    return true;
                });
            if (twin == Twin::watermark_before_publication) watermark.store(applied_below, std::memory_order_release);
            if (count != published_) counted.set(published_ = count);
            watermark.store(applied_below, std::memory_order_release);
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
    });
}
