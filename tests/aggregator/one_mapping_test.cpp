// SPDX-License-Identifier: Apache-2.0
//
// Producer and drain in one process on one mapping, for ThreadSanitizer: its shadow memory goes by address, so it is
// blind to races across two mappings of one page. It also is the plainest test that a drain takes events in their order.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "aggregator/process.hpp"
#include "shm/coalescer.hpp"
#include "shm/gate.hpp"
#include "shm/lane.hpp"
#include "shm/lane_claim.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

constexpr std::uint32_t thread_count = 3;
constexpr std::uint32_t last_lane = 2;  // fewer than threads: they pass from one to the other
constexpr std::uint64_t events_per_thread = 20000;
constexpr std::uint64_t events_per_claim = 100;
constexpr std::uint8_t ordered_type = 1;    // reported under a mutex: their ids count up in ticket order
constexpr std::uint8_t unordered_type = 2;  // ids count up in each thread

// A process segment and the aggregator's view of it, over the same addresses.
class OneMapping {
public:
    OneMapping() : ledger_(ledger_segment_bytes / sizeof(std::uint64_t)) {
        Segment segment;
        const std::uint64_t bytes = process_segment_bytes(min_slots_per_lane);
        REQUIRE(segment.create(temporary_name(), bytes, bytes) == SegmentStatus::ok);
        segment.unlink();
        header_ = segment.at<ProcessHeader>(0);
        lanes_ = segment.at<LaneHeader>(lanes_offset);
        slots_ = segment.at<Slot>(slots_offset);
        header_->slots_per_lane = min_slots_per_lane;

        Segment table;
        REQUIRE(Table::create(table, temporary_name()) == SegmentStatus::ok);
        table.unlink();
        log_ = std::make_unique<UndoLog>(reinterpret_cast<std::byte*>(ledger_.data()));
        process_ = std::make_unique<TrackedProcess>(std::move(segment), min_slots_per_lane, std::move(table), *log_);
    }

    // A lane that nobody has now; waits for one.
    ProducerLane claim() {
        for (std::uint32_t lane = 1;; lane = lane % last_lane + 1) {
            const auto reserve = [&] {
                raise_lanes_used(header_->lanes_used, lane + 1);
                return true;
            };
            if (shm::claim(lanes_[lane], reserve) == ClaimResult::claimed) {
                return lane_at(lane);
            }
            if (lane == last_lane) std::this_thread::yield();
        }
    }
    // For threads under a mutex.
    ProducerLane shared() {
        raise_lanes_used(header_->lanes_used, shared_lane + 1);
        return lane_at(shared_lane);
    }

    std::atomic<std::uint64_t>& tickets() { return header_->tickets; }
    TrackedProcess& process() { return *process_; }

private:
    ProducerLane lane_at(std::uint32_t lane) {
        return ProducerLane::at(slots_ + lane * std::uint64_t{min_slots_per_lane}, lanes_ + lane, min_slots_per_lane,
                                min_slots_per_lane);
    }
    static std::string temporary_name() { return temporary_segment_name("t", getpid(), random_nonce()); }

    std::vector<std::uint64_t> ledger_;
    std::unique_ptr<UndoLog> log_;
    std::unique_ptr<TrackedProcess> process_;
    ProcessHeader* header_ = nullptr;
    LaneHeader* lanes_ = nullptr;
    Slot* slots_ = nullptr;
};

// A process that never waits for room, as Producer does it: what finds none in its thread's lane goes into the shared one
// or is held, and sent when there is room again.
class NeverWaits {
public:
    explicit NeverWaits(OneMapping& mapping) : tickets_(mapping.tickets()), shared_(mapping.shared()) {}

    void report(ProducerLane& own, const Event& event) {
        if (gate_.look() == Mode::active && own.refresh() && own.push(tickets_, event)) return;
        const std::lock_guard lock(mutex_);
        spill_or_hold(gate_, [&] { return spill(event); }, [&] { all_taken_ = coalescer_.absorb(event) && all_taken_; });
    }
    // True when nothing is held any more.
    bool flush() {
        const std::lock_guard lock(mutex_);
        if (gate_.look_under_mutex() == Mode::active) return true;
        held_something_ = true;
        return send_held(gate_, [&] { return coalescer_.flush([&](const Event& event) { return spill(event); }); });
    }
    bool all_taken() const { return all_taken_; }
    bool held_something() const { return held_something_; }

private:
    bool spill(const Event& event) { return shared_.refresh() && shared_.push(tickets_, event); }

    std::atomic<std::uint64_t>& tickets_;
    Gate gate_{.mode = Mode::active};
    std::mutex mutex_;  // guards the following
    ProducerLane shared_;
    Coalescer coalescer_;  // whose queue takes all there is: what it sends kept its order
    bool all_taken_ = true;
    bool held_something_ = false;
};

// What a drain must see, event by event.
class Order {
public:
    bool takes(const Event& event) {
        std::uint64_t& next = event.type == ordered_type ? next_ordered_ : next_of_thread_[event.device];
        return event.id == next++;
    }
    bool is_complete() const {
        std::uint64_t sum = next_ordered_;
        for (const std::uint64_t next : next_of_thread_) sum += next;
        return sum == thread_count * events_per_thread;
    }

private:
    std::uint64_t next_ordered_ = 0;
    std::uint64_t next_of_thread_[thread_count]{};
};

// Reports from threads that pass lanes on and, for every other event, a turn: calls `report` with lane, type, thread, id.
template <class Report>
std::vector<std::thread> start_threads(OneMapping& mapping, std::mutex& turn, std::uint64_t& next_id, Report report) {
    std::vector<std::thread> threads;
    for (std::uint16_t thread = 0; thread < thread_count; ++thread) {
        threads.emplace_back([&mapping, &turn, &next_id, report, thread] {
            ProducerLane lane = mapping.claim();
            for (std::uint64_t i = 0; i < events_per_thread / 2; ++i) {
                report(lane, Event{EventKind::allocation, unordered_type, thread, 1, i, 1});
                {
                    const std::lock_guard lock(turn);
                    report(lane, Event{EventKind::allocation, ordered_type, thread, 1, next_id++, 1});
                }
                if (i % events_per_claim != 0) continue;
                hand_back(*lane.header);
                lane = mapping.claim();
            }
            hand_back(*lane.header);
        });
    }
    return threads;
}

// Until all events came, each in its turn; false as soon as one does not.
bool drain_in_turn(TrackedProcess& process) {
    Batch batch;
    Order order;
    while (!order.is_complete()) {
        if (process.read(batch) != ReadResult::ok) return false;
        for (const Event& event : batch.events()) {
            if (!order.takes(event)) return false;
        }
        std::copy(batch.positions.begin(), batch.positions.end(), process.table_header().lane_positions);
        process.release_slots();
    }
    return true;
}

}  // namespace

TEST_CASE("a drain on the producers' own mapping takes every event once, in the program's order, without a data race") {
    OneMapping mapping;
    std::atomic<bool> stop{false};
    std::mutex turn;
    std::uint64_t next_id = 0;
    // Waits for room.
    const auto push = [&](ProducerLane& lane, const Event& event) {
        while (!lane.push(mapping.tickets(), event) && !stop.load(std::memory_order_relaxed)) {
            if (!lane.refresh()) std::this_thread::yield();
        }
    };
    std::vector<std::thread> threads = start_threads(mapping, turn, next_id, push);
    CHECK(drain_in_turn(mapping.process()));
    stop = true;
    for (std::thread& thread : threads) thread.join();
}

TEST_CASE("what was held for want of room is taken once, in the program's order, without a data race") {
    OneMapping mapping;
    NeverWaits producer(mapping);
    std::atomic<bool> stop{false};
    std::mutex turn;
    std::uint64_t next_id = 0;
    std::vector<std::thread> threads = start_threads(
        mapping, turn, next_id, [&](ProducerLane& lane, const Event& event) { producer.report(lane, event); });
    threads.emplace_back([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            producer.flush();
            std::this_thread::yield();
        }
    });
    CHECK(drain_in_turn(mapping.process()));
    stop = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(producer.flush());
    CHECK(producer.all_taken());
    CHECK(producer.held_something());
}

}  // namespace trackshm::aggregator
