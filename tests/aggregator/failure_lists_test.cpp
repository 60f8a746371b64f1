// SPDX-License-Identifier: Apache-2.0
//
// The largest buffers of a device at a failed allocation, against sorting all there are.
#include "aggregator/failure_lists.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <tuple>

#include "aggregator/accounted.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

Event failure(std::uint16_t device, std::uint64_t size) {
    return {EventKind::allocation_failure, 0, device, 1, 0, size};
}

class Failing {
public:
    TrackedProcess& add_process(std::int32_t pid) {
        processes_.push_back(accounted_.make_process(pid));
        processes_.back()->table_header().nonce = static_cast<std::uint64_t>(pid);
        return *processes_.back();
    }
    void end(std::size_t index) {
        accounted_.end(*processes_.at(index));
        processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(index));
    }
    void apply(TrackedProcess& process, const std::vector<Event>& events) { accounted_.apply(process, events); }

    // `count` buffers of 1 to 1000 bytes on the device, ids from `first_id`.
    void fill(TrackedProcess& process, std::uint16_t device, std::uint64_t count, std::uint64_t first_id) {
        std::vector<Event> events;
        for (std::uint64_t i = 0; i < count; ++i) {
            events.push_back(allocation(device, 0, 1 + i % 1000, first_id + i));
            if (events.size() < Batch::max_events && i + 1 < count) continue;
            apply(process, events);
            events.clear();
        }
    }

    bool work(std::uint64_t now_ns) { return lists_.work(processes_, now_ns); }
    FailureLists& lists() { return lists_; }
    const FailureAccount& account(std::uint16_t device) {
        return accounted_.ledger().annex(accounted_.ledger().slot_of(device))->failure;
    }
    std::vector<std::tuple<std::uint64_t, std::int32_t, std::uint64_t>> listed(std::uint16_t device) {  // size, pid, id
        std::vector<std::tuple<std::uint64_t, std::int32_t, std::uint64_t>> result;
        for (std::uint64_t i = 0; i < account(device).buffers; ++i) {
            const BufferRow& row = account(device).largest[i];
            result.emplace_back(row.size_bytes, row.pid, row.id);
        }
        return result;
    }

private:
    Accounted accounted_;
    std::vector<std::unique_ptr<TrackedProcess>> processes_;
    FailureLists lists_{accounted_.ledger()};
};

}  // namespace

TEST_CASE("the largest buffers of a device are found among those of all processes and devices") {
    std::mt19937_64 random(std::random_device{}());
    Failing failing;
    std::vector<std::tuple<std::uint64_t, std::int32_t, std::uint64_t>> all;
    for (std::int32_t pid = 1; pid <= 3; ++pid) {
        TrackedProcess& process = failing.add_process(pid);
        for (std::uint64_t id = 0; id < 50; ++id) {
            const std::uint64_t size = random();
            const auto device = static_cast<std::uint16_t>(id % 2);
            failing.apply(process, {allocation(device, static_cast<std::uint8_t>(id % 3), size >> 20, id)});
            if (id % 7 == 0) {
                failing.apply(process, {free_by_id(id)});
            } else if (device == 1) {
                all.emplace_back(size >> 20, pid, id);
            }
        }
        failing.apply(process, {failure(1, 777)});
    }
    std::sort(all.rbegin(), all.rend());
    all.resize(stats::max_large_buffers);
    REQUIRE(failing.lists().is_due(1, 0));
    failing.lists().want(1);
    CHECK(failing.work(0));
    CHECK(failing.listed(1) == all);
    CHECK(failing.account(1).last.list_gathering_ns == 0);
    CHECK(failing.account(1).last.list_unix_ns != 0);
    CHECK(failing.account(1).last.size_bytes == 777);
    CHECK(failing.account(1).last.count == 3);
    CHECK(failing.account(1).last.pid == 3);
    CHECK(failing.account(0).last.count == 0);
}

TEST_CASE("buffers of a closed device are not listed") {
    Failing failing;
    TrackedProcess& process = failing.add_process(1);
    failing.apply(process, {allocation(0, 0, 100, 1), allocation(0, 0, 200, 2), closed(0), allocation(0, 0, 50, 3)});
    failing.lists().want(0);
    CHECK(failing.work(0));
    REQUIRE(failing.listed(0).size() == 1);
    CHECK(std::get<2>(failing.listed(0)[0]) == 3);
}

TEST_CASE("large tables are looked through in parts, also while they grow and processes end") {
    Failing failing;
    TrackedProcess& large = failing.add_process(1);
    TrackedProcess& ending = failing.add_process(2);
    TrackedProcess& small = failing.add_process(3);
    failing.fill(large, 0, 200'000, 1000);
    failing.fill(ending, 0, 200'000, 1000);
    failing.apply(small, {allocation(0, 0, 5000, 1)});
    failing.apply(large, {allocation(0, 0, 7000, 1), allocation(0, 1, 6000, 2)});
    failing.apply(ending, {allocation(0, 0, 9000, 1)});
    failing.lists().want(0);
    unsigned parts = 0;
    bool is_done = failing.work(0);
    while (!is_done) {
        REQUIRE(failing.lists().is_looking());
        // The table grows under it, and the process that would be next ends.
        failing.fill(large, 0, 40'000, 1'000'000 + parts * 40'000);
        if (++parts == 1) failing.end(1);
        REQUIRE(parts < 1000);
        is_done = failing.work(0);
    }
    CHECK(parts > 2);
    CHECK_FALSE(failing.lists().is_looking());
    CHECK(failing.account(0).last.list_gathering_ns > 0);
    const auto listed = failing.listed(0);
    REQUIRE(listed.size() == stats::max_large_buffers);
    const auto has = [&](std::uint64_t size, std::int32_t pid, std::uint64_t id) {
        return std::count(listed.begin(), listed.end(), std::tuple(size, pid, id)) == 1;
    };
    CHECK(has(7000, 1, 1));
    CHECK(has(6000, 1, 2));
    CHECK(has(5000, 3, 1));
}

TEST_CASE("a storm of failures makes a list a second, and other devices wait their turn") {
    Failing failing;
    TrackedProcess& process = failing.add_process(1);
    failing.apply(process, {allocation(0, 0, 100, 1), allocation(1, 0, 200, 1)});
    const std::uint64_t now = monotonic_ns();
    failing.lists().want(0);
    CHECK_FALSE(failing.lists().is_due(0, now));
    CHECK(failing.work(now));
    CHECK_FALSE(failing.lists().is_due(0, monotonic_ns()));
    CHECK(failing.lists().is_due(0, monotonic_ns() + second));
    failing.lists().want(1);
    CHECK_FALSE(failing.work(now));  // too soon after the other
    CHECK(failing.work(monotonic_ns() + second));
    CHECK(failing.listed(1).size() == 1);
}

TEST_CASE("a list that a killed aggregator did not come to is made by its successor") {
    Failing failing;
    TrackedProcess& process = failing.add_process(1);
    failing.apply(process, {allocation(0, 0, 100, 1), failure(0, 5)});
    // The times of these batches are small numbers: an hour after the last list.
    const_cast<FailureAccount&>(failing.account(0)).last.unix_ns = 3600 * second;
    failing.lists().take_over();
    CHECK(failing.work(monotonic_ns()));
    CHECK(failing.listed(0).size() == 1);
    failing.lists().take_over();
    CHECK_FALSE(failing.work(monotonic_ns() + 60 * second));
}

}  // namespace trackshm::aggregator
