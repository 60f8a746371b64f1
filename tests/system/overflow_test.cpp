// SPDX-License-Identifier: Apache-2.0
//
// The aggregator falls behind: hooks go on, and the counters are exact again once it has caught up.
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/flood.hpp"
#include "support/script.hpp"
#include "support/truth.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

// Which totals are smaller than they were. `before` is null at the first look.
std::string fallen(const json& before, const json& now) {
    std::string result;
    if (before.is_null()) return result;
    for (const char* key : {"reported", "applied", "coalesced", "dropped"}) {
        if (now.at(key) >= before.at(key)) continue;
        result += std::string(key) + " was " + before.at(key).dump() + " and is " + now.at(key).dump() + "\n";
    }
    return result;
}

}  // namespace

TEST_CASE("counters are exact after the aggregator stood still for 200,000 events of four threads") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("fill 1 100 0 0 0 10");
    program.sync();

    aggregator.child().stop();
    program("storm 4 25000 0 0 1000 32");  // 200,000 events
    program("fill 4 50 2 1 1000 64");      // 200 more buffers stay
    program("storm 1 1 2 1 5000 1");
    for (int id = 0; id < 10; ++id) program("free " + std::to_string(id));  // sent long before
    program("free 999999");
    aggregator.child().resume();
    program.sync();

    const json snapshot = shmtop_json(name_space);
    CHECK(device_row(snapshot, 0).at("live_buffers") == 90);
    CHECK(device_row(snapshot, 0).at("live_bytes") == 900);
    CHECK(device_row(snapshot, 0).at("allocations_total") == 100100);
    CHECK(device_row(snapshot, 0).at("allocated_bytes_total") == 1000 + 100000 * 32);
    CHECK(device_row(snapshot, 0).at("deallocations_total") == 100010);
    CHECK(type_row(snapshot, 2, "L1").at("live_buffers") == 200);
    CHECK(type_row(snapshot, 2, "L1").at("live_bytes") == 12800);
    CHECK(snapshot.at("events").at("reported") == 100 + 200000 + 200 + 2 + 10 + 1);
    CHECK(snapshot.at("events").at("pending") == 0);
    CHECK(snapshot.at("events").at("dropped") == 0);
    CHECK(snapshot.at("events").at("unknown_frees") == 1);
    CHECK(snapshot.at("events").at("ambiguous_frees") == 0);
    CHECK(process_row(snapshot, program.pid()).at("exact") == true);
    CHECK(process_row(snapshot, program.pid()).at("peak_exact") == true);  // they waited in their order
    CHECK(imbalance(snapshot) == "");
}

TEST_CASE("counters are exact and peaks lower bounds after so many events that they had to be folded") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 7 0 1");
    program.sync();

    aggregator.child().stop();
    program("storm 1 200000 0 0 1000 32");  // 400,000 events, with never more than one buffer of them live
    program("usage 0 0 5");
    program("alloc 0 1000000 0 2");
    program("free 2");
    aggregator.child().resume();
    program.sync();

    const json snapshot = shmtop_json(name_space);
    const json device = device_row(snapshot, 0);
    CHECK(device.at("live_bytes") == 7 + 5);
    CHECK(device.at("allocations_total") == 200002);
    CHECK(device.at("deallocations_total") == 200001);
    CHECK(snapshot.at("events").at("reported") == 400004);
    CHECK(snapshot.at("events").at("coalesced") > 100000);
    CHECK(snapshot.at("events").at("dropped") == 0);
    CHECK(device.at("peak_exact") == false);
    CHECK(device.at("peak_bytes") >= 7 + 32);
    CHECK(device.at("peak_bytes") <= 1000012);
    CHECK(imbalance(snapshot) == "");
}

TEST_CASE("an idle process with coalesced events is drained without a further report") {
    const Namespace name_space;
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}});
    program("fill 1 10000 0 0 1 10");
    Aggregator aggregator(name_space);
    program.sync();
    CHECK(live_buffers(shmtop_json(name_space)) == 10000);
}

TEST_CASE("with TRACKSHM_OVERFLOW=drop every loss is counted and the process is marked inexact") {
    const Namespace name_space;
    Script program(name_space, {{"TRACKSHM_OVERFLOW", "drop"}, {"TRACKSHM_RING_EVENTS", "1024"}});
    program("fill 1 5000 0 0 1 10");
    Aggregator aggregator(name_space);
    program.sync();
    const json snapshot = shmtop_json(name_space);
    const json process = process_row(snapshot, program.pid());
    REQUIRE(process.is_object());
    CHECK(process.at("reported") == 5000);
    CHECK(process.at("dropped") == 5000 - 2 * 1024);  // its own lane and the shared one are full
    CHECK(process.at("applied") == 2 * 1024);
    CHECK(process.at("exact") == false);
    CHECK(process.at("live_buffers") == 2 * 1024);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(imbalance(snapshot) == "");
}

TEST_CASE("reported equals applied plus pending plus coalesced plus dropped at every moment") {
    const std::uint64_t seed = std::random_device()();
    INFO("seed " << seed);
    constexpr unsigned threads = 4;
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Flood steady(name_space, threads, seed);
    Flood flooding(name_space, threads, seed + 1, {{"TRACKSHM_RING_EVENTS", "64"}});
    Flood dropping(name_space, threads, seed + 2, {{"TRACKSHM_RING_EVENTS", "64"}, {"TRACKSHM_OVERFLOW", "drop"}});
    const std::array floods{&steady, &flooding, &dropping};
    for (Flood* flood : floods) flood->start();
    std::map<pid_t, json> seen;
    json seen_in_all;
    for (int look = 0; look < 40; ++look) {
        const json now = shmtop_json(name_space);
        CHECK(imbalance(now) == "");
        for (Flood* flood : floods) {
            const json row = process_row(now, flood->pid());
            if (row.is_null()) continue;
            // A thread counts a report once it has returned.
            CHECK(row.at("reported") <= flood->count() + threads);
            CHECK(fallen(std::exchange(seen[flood->pid()], row), row) == "");
        }
        CHECK(fallen(std::exchange(seen_in_all, now.at("events")), now.at("events")) == "");
    }
    for (Flood* flood : floods) flood->stop();
    std::uint64_t reported = 0;
    for (Flood* flood : floods) reported += flood->truth().at("reported").get<std::uint64_t>();

    const json snapshot = shmtop_json(name_space);
    CHECK(imbalance(snapshot) == "");
    CHECK(snapshot.at("events").at("reported") == reported);
    CHECK(snapshot.at("events").at("pending") == 0);
    CHECK(process_differences(snapshot, steady.truth()) == "");
    CHECK(process_differences(snapshot, flooding.truth()) == "");
    CHECK(process_row(snapshot, dropping.pid()).at("exact") == false);
}

TEST_CASE("more live buffers than a process may hold back are dropped, counted and told of, and no other process suffers", "[long]") {
    constexpr std::uint64_t most_held = std::uint64_t{1} << 22;
    constexpr std::uint64_t buffers = most_held + 100'000;
    const Namespace name_space;
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}});
    program("fill 1 " + std::to_string(buffers) + " 0 0 1 10");
    Aggregator aggregator(name_space);
    Script other(name_space);
    other("alloc 1 10 0 1");
    other.sync();
    REQUIRE(eventually([&] { return program("sync 20000") == "0"; }, Milliseconds(120000)));
    const json snapshot = shmtop_json(name_space);
    const json row = process_row(snapshot, program.pid());
    const auto dropped = row.at("dropped").get<std::uint64_t>();
    CHECK(dropped > 0);
    CHECK(dropped < buffers - most_held);
    CHECK(row.at("reported") == buffers);
    CHECK(row.at("pending") == 0);
    CHECK(row.at("live_buffers") == buffers - dropped);
    CHECK(row.at("exact") == false);
    CHECK(process_row(snapshot, other.pid()).at("exact") == true);
    CHECK(imbalance(snapshot) == "");
    const CommandResult told = run({SHMDUMP_PATH, "--namespace", name_space.name(), "segments"});
    CHECK(count_lines_with(told.output, "events dropped past the coalescing limit") == 1);
}

TEST_CASE("a name that does not fit is dropped whole and counted once") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}, {"TRACKSHM_OVERFLOW", "drop"}});
    program("alloc 0 1 0 1");
    program.sync();
    aggregator.child().stop();
    constexpr int names = 30;  // of four slots each, in the shared lane of 64
    for (int device = 1; device <= names; ++device) {
        program("name " + std::to_string(device) + " a-name-that-takes-four-slots-" + std::string(30, 'x'));
    }
    aggregator.child().resume();
    program.sync();
    const json snapshot = shmtop_json(name_space);
    const auto dropped = snapshot.at("events").at("dropped").get<int>();
    CHECK(dropped > 0);
    CHECK(snapshot.at("events").at("reported") == 1 + names);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    int whole = 0;
    for (const json& device : snapshot.at("devices")) {
        const auto name = device.at("name").get<std::string>();
        CHECK((name.empty() || name.size() == 59));
        whole += !name.empty();
    }
    CHECK(whole == names - dropped);
}

}  // namespace trackshm::test
