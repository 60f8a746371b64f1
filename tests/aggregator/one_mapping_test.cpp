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
                return ProducerLane::at(slots_ + lane * std::uint64_t{min_slots_per_lane}, lanes_ + lane,
                                        min_slots_per_lane, min_slots_per_lane);
            }
            if (lane == last_lane) std::this_thread::yield();
        }
    }

    std::atomic<std::uint64_t>& tickets() { return header_->tickets; }
    TrackedProcess& process() { return *process_; }

private:
    static std::string temporary_name() { return temporary_segment_name("t", getpid(), random_nonce()); }

    std::vector<std::uint64_t> ledger_;
    std::unique_ptr<UndoLog> log_;
    std::unique_ptr<TrackedProcess> process_;
    ProcessHeader* header_ = nullptr;
    LaneHeader* lanes_ = nullptr;
    Slot* slots_ = nullptr;
};

// Waits for room; gives up when `stop` is set.
void push(ProducerLane& lane, std::atomic<std::uint64_t>& tickets, std::uint64_t what, std::uint64_t id,
          const std::atomic<bool>& stop) {
    while (!lane.push(tickets, what, id, 1) && !stop.load(std::memory_order_relaxed)) {
        if (!lane.refresh()) std::this_thread::yield();
    }
}

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

}  // namespace

TEST_CASE("a drain on the producers' own mapping takes every event once, in the program's order, without a data race") {
    OneMapping mapping;
    std::atomic<bool> stop{false};
    std::mutex handoff;
    std::uint64_t next_id = 0;
    std::vector<std::thread> threads;
    for (std::uint16_t thread = 0; thread < thread_count; ++thread) {
        threads.emplace_back([&, thread] {
            ProducerLane lane = mapping.claim();
            const auto report = [&](std::uint8_t type, std::uint64_t id) {
                push(lane, mapping.tickets(), pack_what(EventKind::allocation, type, thread), id, stop);
            };
            for (std::uint64_t i = 0; i < events_per_thread / 2; ++i) {
                report(unordered_type, i);
                {
                    const std::lock_guard lock(handoff);
                    report(ordered_type, next_id++);
                }
                if (i % events_per_claim != 0) continue;
                hand_back(*lane.header);
                lane = mapping.claim();
            }
            hand_back(*lane.header);
        });
    }

    TrackedProcess& process = mapping.process();
    Batch batch;
    Order order;
    bool is_sound = true;
    while (is_sound && !order.is_complete()) {
        is_sound = process.read(batch) == ReadResult::ok;
        for (const Event& event : batch.events()) is_sound = is_sound && order.takes(event);
        std::copy(batch.positions.begin(), batch.positions.end(), process.table_header().lane_positions);
        process.release_slots();
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(is_sound);
}

}  // namespace trackshm::aggregator
