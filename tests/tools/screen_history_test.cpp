// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/history.hpp"

#include <catch2/catch.hpp>
#include <optional>
#include <vector>

#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t start_ns = 1'700'000'000 * second_ns;
using Series = std::vector<std::optional<std::uint64_t>>;

// One device with one memory.
stats::Snapshot snapshot_at(std::uint64_t time_ns, std::uint64_t live_bytes, std::uint64_t allocations = 0) {
    stats::Snapshot snapshot;
    snapshot.aggregator_alive = true;
    snapshot.time_unix_ns = time_ns;
    stats::Device device;
    device.types = {memory(dram, live_bytes, 1)};
    device.types[0].allocations_total = allocations;
    device.types[0].allocated_bytes_total = allocations * 100;
    snapshot.devices = {device};
    return snapshot;
}

TEST_CASE("a graph shows the most of each of its columns") {
    const HistoryPoints points = {{start_ns, 5}, {start_ns + second_ns / 2, 7}, {start_ns + second_ns, 3}};
    CHECK(graph_series(points, start_ns + second_ns, second_ns, 3, 5 * second_ns) == Series{std::nullopt, 7, 3});
    CHECK(graph_series(points, start_ns + second_ns, second_ns, 3, 0) == Series{std::nullopt, 7, 3});
    CHECK(graph_series(points, start_ns + second_ns, second_ns, 1, 0) == Series{3});
}

TEST_CASE("between two looks a graph holds what was seen, but not for longer than it may") {
    const HistoryPoints points = {{start_ns, 5}, {start_ns + 3 * second_ns, 2}};
    const std::uint64_t now_ns = start_ns + 4 * second_ns;
    CHECK(graph_series(points, now_ns, second_ns, 5, 3 * second_ns) == Series{5, 5, 5, 2, 2});
    CHECK(graph_series(points, now_ns, second_ns, 5, 2 * second_ns) == Series{5, std::nullopt, std::nullopt, 2, 2});
    CHECK(graph_series(points, now_ns + 9 * second_ns, second_ns, 3, 3 * second_ns) ==
          Series{std::nullopt, std::nullopt, std::nullopt});
}

TEST_CASE("what happened before a graph begins is not in it, but for what lasted into it") {
    const HistoryPoints points = {{start_ns, 9}, {start_ns + 4 * second_ns, 1}};
    CHECK(graph_series(points, start_ns + 4 * second_ns, second_ns, 3, 10 * second_ns) == Series{9, 9, 1});
}

TEST_CASE("the history has one point a second with the most that was seen in it") {
    History history;
    history.add(snapshot_at(start_ns, 5));
    history.add(snapshot_at(start_ns + second_ns / 2, 8));
    history.add(snapshot_at(start_ns + second_ns / 4 * 3, 6));
    history.add(snapshot_at(start_ns + second_ns, 1));
    const HistoryPoints points = history.points(0);
    REQUIRE(points.size() == 2);
    CHECK(points[0].bytes == 8);
    CHECK(points[1].bytes == 1);
    CHECK(history.live_bytes(0) == 1);
    CHECK(history.live_bytes(1) == 0);
    CHECK(history.points(7).empty());
}

TEST_CASE("rates are over the last seconds") {
    History history;
    history.add(snapshot_at(start_ns, 1, 0));
    CHECK_FALSE(history.rates(0, dram));
    history.add(snapshot_at(start_ns + second_ns / 2, 1, 10));
    REQUIRE(history.rates(0, dram));
    CHECK(history.rates(0, dram)->allocations == Approx(20));
    CHECK(history.rates(0, dram)->allocated_bytes == Approx(2000));
    for (int i = 1; i <= 10; ++i) history.add(snapshot_at(start_ns + i * second_ns, 1, 10));
    CHECK(history.rates(0, dram)->allocations == 0);
    CHECK_FALSE(history.rates(0, l1));
}

TEST_CASE("rates are the same however often is looked") {
    History history;
    for (std::uint64_t i = 0; i <= 3000; ++i) history.add(snapshot_at(start_ns + i * second_ns / 1000, 1, i));
    REQUIRE(history.rates(0, dram));
    CHECK(history.rates(0, dram)->allocations == Approx(1000));
}

TEST_CASE("totals that went back give no rate: the aggregator began anew") {
    History history;
    history.add(snapshot_at(start_ns, 1, 1000));
    history.add(snapshot_at(start_ns + second_ns, 1, 10));
    CHECK_FALSE(history.rates(0, dram));
}

TEST_CASE("a recording that is moved back begins a new history") {
    History history;
    history.add(snapshot_at(start_ns + 100 * second_ns, 1, 10));
    history.add(snapshot_at(start_ns, 2, 5));
    REQUIRE(history.points(0).size() == 1);
    CHECK(history.points(0)[0].bytes == 2);
    CHECK_FALSE(history.rates(0, dram));
}

TEST_CASE("the last figures of a dead aggregator are no history") {
    History history;
    history.add(snapshot_at(start_ns, 1));
    stats::Snapshot dead = snapshot_at(start_ns + 5 * second_ns, 1);
    dead.aggregator_alive = false;
    history.add(dead);
    CHECK(history.points(0).size() == 1);
}

}  // namespace
}  // namespace trackshm::tools
