// SPDX-License-Identifier: Apache-2.0
//
// Nobody drains for a long time, because the aggregator is stopped or not there yet, while four threads report as fast
// as they can: they are not held up, their process does not grow, and afterwards every figure is exact.
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <random>
#include <thread>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/flood.hpp"
#include "support/long_form.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr unsigned thread_count = 4;

// What the library may take inside a process whose live set is small, in KiB. Up to a sixteenth of 4,194,304 events are
// kept, of 40 bytes each, in an array that doubles, so that the old and the new one exist at once; of every id one
// entry of 24 bytes, half of the map empty, in at most two epochs; pages of the lanes that were not touched before.
constexpr std::uint64_t kept_events = (1u << 22) / 16;
constexpr std::uint64_t memory_bound_kib = kept_events * 40 * 3 / 1024 + 5000 * 24 * 2 * 2 / 1024 + 8 * 1024;

constexpr std::uint64_t longest_hook_ns = 20'000'000'000;  // beyond any scheduler's doing
constexpr std::uint64_t most_p99_9_ns = 10'000'000;         // a hook is descheduled more seldom than once in a thousand

// Lets it report for the time and the number of events of the form of this test, with nobody to drain.
void flood_unattended(Flood& flood) {
    const std::uint64_t events = flood.count() + by_form(std::uint64_t{1'000'000}, std::uint64_t{100'000'000});
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(by_form(2, 60));
    while (flood.count() < events || std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(Milliseconds(10));
    }
}

void check_times(Flood& flood, const std::string& when) {
    const json times = flood.times();
    CHECK(times.at("longest_ns") < longest_hook_ns);
    CHECK(times.at("p99_9_ns") < most_p99_9_ns);
    WARN(when << ", " << flood.count() << " events: a hook took " << times.at("p50_ns") << " ns at the median, "
              << times.at("p99_9_ns") << " ns at p99.9, " << times.at("longest_ns") << " ns at most; memory "
              << flood.memory_kib("VmHWM") << " KiB at most");
}

void check_exact_but_for_peaks(const Namespace& name_space, Flood& flood) {
    const json truth = flood.truth();
    const json snapshot = shmtop_json(name_space);
    CHECK(living_differences(snapshot, {truth}) == "");
    CHECK(snapshot.at("events").at("dropped") == 0);
    CHECK(snapshot.at("events").at("coalesced") > 0);
    CHECK(process_row(snapshot, flood.pid()).at("peak_exact") == false);
    CHECK(device_row(snapshot, 0).at("peak_exact") == false);
    CHECK(flood.finish().exited_with(0));
    CHECK(ended_differences(name_space, {truth}) == "");
}

// A process like any other, while there is one that is not exact.
json report_a_little(const Namespace& name_space, std::uint64_t seed) {
    Flood flood(name_space, 1, seed);
    flood.start();
    CHECK(eventually([&] { return flood.count() > 1000; }));
    flood.stop();
    const json truth = flood.truth();
    const json row = process_row(shmtop_json(name_space), flood.pid());
    CHECK(row.at("exact") == true);
    CHECK(row.at("reported") == truth.at("reported"));
    CHECK(row.at("applied").get<std::uint64_t>() + row.at("coalesced").get<std::uint64_t>() == truth.at("reported"));
    CHECK(flood.finish().exited_with(0));
    CHECK(eventually([&] { return exited_row(shmtop_json(name_space), flood.pid()).is_object(); }));
    return truth;
}

}  // namespace

TEST_CASE("a stopped aggregator costs its processes neither time nor memory nor a figure", "[long]") {
    const std::uint64_t seed = std::random_device()();
    INFO("seed " << seed);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Flood flood(name_space, thread_count, seed);
    flood.start();
    REQUIRE(eventually([&] { return flood.count() > 10000; }));
    aggregator.child().stop();
    const std::uint64_t before_kib = flood.memory_kib("VmRSS");
    flood_unattended(flood);
    CHECK(flood.memory_kib("VmHWM") < before_kib + memory_bound_kib);
    aggregator.child().resume();
    flood.stop();
    check_times(flood, "aggregator stopped");
    check_exact_but_for_peaks(name_space, flood);
}

TEST_CASE("a process that ran for long without any aggregator hands over every figure", "[long]") {
    const std::uint64_t seed = std::random_device()();
    INFO("seed " << seed);
    const Namespace name_space;
    Flood flood(name_space, thread_count, seed);
    const std::uint64_t before_kib = flood.memory_kib("VmRSS");
    flood.start();
    flood_unattended(flood);
    CHECK(flood.memory_kib("VmHWM") < before_kib + memory_bound_kib);
    Aggregator aggregator(name_space);
    flood.stop();
    check_times(flood, "no aggregator");
    check_exact_but_for_peaks(name_space, flood);
}

TEST_CASE("a process that drops while the aggregator is stopped counts every loss, and no other is inexact", "[long]") {
    const std::uint64_t seed = std::random_device()();
    INFO("seed " << seed);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Flood flood(name_space, thread_count, seed, {{"TRACKSHM_OVERFLOW", "drop"}});
    flood.start();
    REQUIRE(eventually([&] { return flood.count() > 10000; }));
    aggregator.child().stop();
    const std::uint64_t before_kib = flood.memory_kib("VmRSS");
    flood_unattended(flood);
    CHECK(flood.memory_kib("VmHWM") < before_kib + 8 * 1024);  // nothing is kept but pages of the lanes
    aggregator.child().resume();
    flood.stop();
    check_times(flood, "dropping");

    const json truth = flood.truth();
    json snapshot = shmtop_json(name_space);
    const json process = process_row(snapshot, flood.pid());
    REQUIRE(process.is_object());
    const auto dropped = process.at("dropped").get<std::uint64_t>();
    CHECK(process.at("reported") == truth.at("reported"));
    CHECK(process.at("pending") == 0);
    CHECK(process.at("coalesced") == 0);
    CHECK(dropped > 0);
    CHECK(process.at("applied") == truth.at("reported").get<std::uint64_t>() - dropped);
    CHECK(process.at("exact") == false);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(imbalance(snapshot) == "");

    const json later_truth = report_a_little(name_space, seed);
    CHECK(flood.finish().exited_with(0));
    CHECK(eventually([&] { return exited_row(snapshot = shmtop_json(name_space), flood.pid()).is_object(); }));
    CHECK(snapshot.at("aggregator").at("exact") == true);  // every process that lives is
    CHECK(snapshot.at("events").at("dropped") == dropped);
    CHECK(snapshot.at("events").at("reported") ==
          truth.at("reported").get<std::uint64_t>() + later_truth.at("reported").get<std::uint64_t>());
    CHECK(imbalance(snapshot) == "");
    CHECK(live_bytes(snapshot) == 0);
}

}  // namespace trackshm::test
