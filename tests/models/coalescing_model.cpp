// SPDX-License-Identifier: Apache-2.0
//
// Two threads whose lanes and shared lane hold one slot each, so that the process often coalesces and is active again; a
// flusher; and a drain. Two programs:
//
//   order       events that depend on each other by flags of the program are held in the coalescer's queue. Each is
//               applied once, after those it depends on, whichever way each went: sent, spilled, held, or left in the
//               estate when the process exits.
//   handover    the threads hand one id to and fro. The coalescer folds at once: a pair that came and went leaves its
//               counts. No free finds nothing, no allocation finds the id live, and the totals are the program's.
#include <array>
#include <utility>

#include "drain.hpp"
#include "model.hpp"
#include "shm/coalescer.hpp"
#include "shm/estate.hpp"
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
    estate_published_relaxed,
    estate_read_relaxed,
    estate_after_active,
    estate_read_before_limit,
};

// The tracked process and its drain: the product's parts, put together as hook.cpp, producer.cpp and process.cpp do.
class Process {
public:
    static inline Twin twin;

    explicit Process(std::uint64_t queue_limit) : coalescer_(shm::Coalescer::default_limit, queue_limit) {}

    // It begins while the process coalesces.
    void begin_with(const shm::Event& first) {
        gate_.mode.store(twin == Twin::not_told ? shm::Mode::active : shm::Mode::coalescing, std::memory_order_release);
        hold(first);
        if (twin == Twin::look_relaxed) gate_.mode.weaken(Weakened::loads);
        if (twin == Twin::active_relaxed) gate_.mode.weaken(Weakened::stores);
        if (twin == Twin::estate_published_relaxed) estate_count_.weaken(Weakened::stores);
        if (twin == Twin::estate_read_relaxed) estate_count_.weaken(Weakened::loads);
        shared_lane_ = lane_at(shared);
    }

    void report(unsigned thread, const shm::Event& event) {
        Lane& lane = lanes_[thread];
        if (lane.slots == nullptr) lane = lane_at(thread);
        if (gate_.look() == shm::Mode::active && lane.push(tickets_, event)) return;
        if (gate_.look() == shm::Mode::active && lane.refresh() && lane.push(tickets_, event)) return;
        mutex_.lock();
        const auto spill = [&] { return push_shared(event); };
        if (twin == Twin::not_told) {
            if (!coalescer_.empty() || !spill()) hold(event);
        } else {
            shm::spill_or_hold(gate_, spill, [&] { hold(event); });
        }
        flush();
        mutex_.unlock();
    }

    // Threads 2 and 3: the drain, which makes its passes, and the flusher. False of the program's own.
    template <class Pass>
    bool serve(unsigned thread, Pass&& pass) {
        for (int i = 0; thread == 2 && i < 4; ++i) pass();
        for (int i = 0; thread == 3 && i < 2; ++i) flush_under_mutex();
        return thread >= 2;
    }
    // What both do in the end.
    template <class Pass>
    void settle(std::uint64_t rounds, Pass&& pass) {
        for (std::uint64_t i = 0; i < rounds; ++i) {
            pass();
            flush_under_mutex();
        }
        pass();
        require(is_active(), "the process is active when nothing is held");
    }

    // As the flusher's thread and trackshm_sync do: it ends the coalescing with another thread's event.
    void flush_under_mutex() {
        mutex_.lock();
        flush();
        mutex_.unlock();
    }

    // At exit.
    void finish() {
        mutex_.lock();
        flush();
        if (gate_.look_under_mutex() == shm::Mode::coalescing) write_estate();
        mutex_.unlock();
    }

    template <class Apply>
    void drain_pass(Apply&& apply) {
        std::uint64_t in_estate = 0;
        if (twin == Twin::estate_read_before_limit) in_estate = shm::estate_slots(estate_count_);
        const auto look = [&] {
            if (twin != Twin::estate_read_before_limit) in_estate = shm::estate_slots(estate_count_);
            return drain_.look(headers_, slots_) && drain_.look_at_estate(in_estate, estate_);
        };
        const auto merge = [&](std::uint64_t limit) { return drain_.merge(headers_, limit, apply); };
        require(shm::drain_in_order(tickets_, look, merge), "an honest process passes for one");
    }

    bool is_active() const { return gate_.look() == shm::Mode::active; }

private:
    static constexpr std::size_t shared = 2;  // the lane both may use under the mutex
    static constexpr std::size_t estate_capacity = 8;
    using Lane = shm::BasicProducerLane<ModelAtomics>;
    using Slot = shm::BasicSlot<ModelAtomics>;

    Lane lane_at(std::size_t index) { return Lane::at(slots_[index].data(), &headers_[index], 1, 1); }

    bool push_shared(const shm::Event& event) {
        if (shared_lane_.room() == 0 && !shared_lane_.refresh()) return false;
        return shared_lane_.push(tickets_, event);
    }

    void hold(const shm::Event& event) {
        coalescer_touched_.set(true);
        require(coalescer_.absorb(event), "there is room in the coalescer");
    }

    // All that is held, or `most` events. True if nothing is left.
    template <class Push>
    bool send(Push&& push, unsigned most = ~0u) {
        coalescer_touched_.set(true);
        return coalescer_.flush([&](const shm::Event& event) { return most-- > 0 && push(event); });
    }

    void flush() {
        coalescer_touched_.set(true);
        if (coalescer_.empty()) return;
        const auto push = [&](const shm::Event& event) { return push_shared(event); };
        if (twin == Twin::active_before_sent) gate_.mode.store(shm::Mode::active, std::memory_order_release);
        if (twin == Twin::active_when_half_sent) {
            shm::send_held(gate_, [&] { return send(push, 1) || true; });
        } else if (twin == Twin::not_told) {
            send(push);
        } else {
            shm::send_held(gate_, [&] { return send(push); });
        }
    }

    void write_estate() {
        if (estate_count_.load(std::memory_order_relaxed) != 0) return;
        shm::BasicEstateWriter<ModelAtomics> estate{estate_.data(), estate_capacity};
        shm::send_held(gate_, [&] {
            const bool all_sent = send([&](const shm::Event& event) {
                require(!estate.is_full(), "the estate is large enough");
                estate.push(tickets_, event);
                return true;
            });
            if (twin == Twin::estate_after_active) gate_.mode.store(shm::Mode::active, std::memory_order_release);
            estate.publish(estate_count_);
            return all_sent;
        });
    }

    SharedWord<std::uint64_t> tickets_;
    shm::BasicGate<ModelAtomics> gate_;
    std::array<shm::BasicLaneHeader<ModelAtomics>, 3> headers_;
    std::array<std::array<Slot, 1>, 3> slots_;
    SharedWord<std::uint64_t> estate_count_;
    std::array<Slot, estate_capacity> estate_;
    std::array<Lane, 2> lanes_{};  // each its thread's

    Mutex mutex_;  // guards these
    Lane shared_lane_;
    shm::Coalescer coalescer_;
    Plain<bool> coalescer_touched_;  // so that Relacy sees who touches it

    Drain<3> drain_;  // the drain's own
};

struct OrderAcrossCoalescing : rl::test_suite<OrderAcrossCoalescing, 4>, Process {
    static constexpr std::uint64_t events_per_thread = 3;
    static constexpr std::uint64_t events = 2 * events_per_thread;

    std::array<SharedWord<std::uint64_t>, 2> done;  // the program's own: events a thread has reported
    std::array<bool, events> applied{};             // the drain's

    OrderAcrossCoalescing() : Process(events) {}

    static shm::Event event_of(std::uint64_t id, std::uint64_t seen_of_other) {
        return {shm::EventKind::allocation, 0, 0, 1, id, seen_of_other};
    }

    void before() {
        begin_with(event_of(0, 0));
        done[0].store(1, std::memory_order_release);
    }

    void thread(unsigned index) {
        if (!serve(index, [&] { pass(); })) report_all(index);
    }

    void report_all(unsigned index) {
        for (std::uint64_t i = done[index].load(std::memory_order_relaxed); i < events_per_thread; ++i) {
            const std::uint64_t seen_of_other = done[1 - index].load(std::memory_order_acquire);
            report(index, event_of(index * events_per_thread + i, seen_of_other));
            done[index].store(i + 1, std::memory_order_release);
            if (index == 0 && i == 1) finish();
        }
    }

    void pass() {
        drain_pass([&](const shm::Event& event) {
            if (event.kind == shm::EventKind::allocation) apply(event);
        });
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

    void after() {
        settle(events + 1, [&] { pass(); });
        for (const bool one : applied) require(one, "an event is applied in the end");
    }
};

struct HandoverAcrossCoalescing : rl::test_suite<HandoverAcrossCoalescing, 4>, Process {
    static constexpr std::uint64_t events = 6;
    static constexpr std::uint64_t buffer = 7;
    static constexpr std::uint64_t bytes = 100;

    SharedWord<std::uint64_t> reported;  // the program's own: event i is the thread's that finds this at i

    // The drain's.
    bool is_live = false;
    std::uint64_t allocations = 0;
    std::uint64_t frees = 0;
    std::uint64_t told = 0;  // reports accounted for

    HandoverAcrossCoalescing() : Process(0) {}  // every event is folded

    static shm::Event event_of(std::uint64_t number) {
        if (number % 2 == 0) return {shm::EventKind::allocation, 0, 0, 1, buffer, bytes};
        return {shm::EventKind::free_by_id, 0, 0, 1, buffer, 0};
    }

    void before() {
        begin_with(event_of(0));
        reported.store(1, std::memory_order_release);
    }

    void thread(unsigned index) {
        if (!serve(index, [&] { pass(); })) hand_over(index);
    }

    // Each frees what the other allocated, and allocates it anew.
    void hand_over(unsigned index) {
        for (std::uint64_t i = 1; i < events; ++i) {
            if ((i + 1) / 2 % 2 != index) continue;
            while (reported.load(std::memory_order_acquire) != i) yield();
            report(index, event_of(i));
            reported.store(i + 1, std::memory_order_release);
        }
    }

    void pass() {
        drain_pass([&](const shm::Event& event) { apply(event); });
    }

    void apply(const shm::Event& event) {
        told += event.reports();
        switch (event.kind) {
            case shm::EventKind::allocation:
                require(!is_live, "no allocation finds its id live");
                is_live = true;
                ++allocations;
                break;
            case shm::EventKind::free_by_id:
                require(is_live && event.count == 1, "no free finds nothing");
                is_live = false;
                ++frees;
                break;
            case shm::EventKind::folded_pairs:
                require(event.size == event.id * bytes, "a pair has its bytes");
                allocations += event.id;
                frees += event.id;
                break;
            case shm::EventKind::coalesced_reports: told += event.id; break;
            default: require(false, "nothing else comes of that");
        }
    }

    void after() {
        settle(2 * events + 1, [&] { pass(); });
        require(!is_live && allocations == events / 2 && frees == events / 2, "the totals are the program's");
        require(told == events, "every report is accounted for");
    }
};

}  // namespace
}  // namespace trackshm::models

int main() {
    using namespace trackshm::models;
    using Order = OrderAcrossCoalescing;
    using Handover = HandoverAcrossCoalescing;
    return run_models({
        model<Order>("order is kept between what is held and what is sent, both ways", {{rl::sched_random, 20'000}}),
        twin<Order>(Twin::look_relaxed, "hooks read the mode relaxed"),
        twin<Order>(Twin::active_relaxed, "the mode goes back to active relaxed"),
        twin<Order>(Twin::active_before_sent, "the mode goes back before anything is sent"),
        twin<Order>(Twin::active_when_half_sent, "the mode goes back when part of it is sent"),
        twin<Order>(Twin::not_told, "only the thread that holds events knows"),
        twin<Order>(Twin::estate_published_relaxed, "the estate is published relaxed"),
        twin<Order>(Twin::estate_read_relaxed, "the estate is looked for relaxed"),
        twin<Order>(Twin::estate_after_active, "the mode goes back before the estate is published"),
        twin<Order>(Twin::estate_read_before_limit, "the estate is looked for before the ticket counter is read"),
        model<Handover>("an id that is handed to and fro while it is folded is never found freed or live amiss",
                        {{rl::sched_random, 20'000}}),
        twin<Handover>(Twin::look_relaxed, "hooks read the mode relaxed"),
        twin<Handover>(Twin::active_relaxed, "the mode goes back to active relaxed"),
        twin<Handover>(Twin::active_before_sent, "the mode goes back before anything is sent"),
        twin<Handover>(Twin::active_when_half_sent, "the mode goes back when part of it is sent"),
        twin<Handover>(Twin::not_told, "only the thread that holds events knows"),
    });
}
