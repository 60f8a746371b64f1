// SPDX-License-Identifier: Apache-2.0
#include "shmtrace/chrome_trace.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t second = 1'000'000'000;

// The events of one kind and name of a trace of these frames.
std::vector<Json> events(const std::vector<stats::Snapshot>& frames, const std::string& kind, const std::string& name) {
    ChromeTrace trace;
    for (const stats::Snapshot& frame : frames) trace.add(frame);
    const Json document = Json::parse(trace.finish());
    std::vector<Json> found;
    for (const Json& event : document.at("traceEvents")) {
        if (event.at("ph") == kind && event.at("name") == name) found.push_back(event);
    }
    return found;
}

stats::Snapshot later(std::uint64_t seconds) {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.time_unix_ns += seconds * second;
    return snapshot;
}

TEST_CASE("a device is a counter with a series per memory, written when it changes and at the end") {
    std::vector<stats::Snapshot> frames{later(0), later(1), later(2), later(3)};
    frames[2].devices[0].types[0].live_bytes = 5;
    frames[3].devices[0].types[0].live_bytes = 5;
    const auto counters = events(frames, "C", "device 0 mesh (0,1)");
    REQUIRE(counters.size() == 3);
    CHECK(counters[0].at("ts") == 0);
    CHECK(counters[0].at("args") == Json{{"DRAM", 300 * MiB}, {"L1", 10 * MiB}});
    CHECK(counters[1].at("ts") == 2e6);
    CHECK(counters[1].at("args") == Json{{"DRAM", 5}, {"L1", 10 * MiB}});
    CHECK(counters[2].at("ts") == 3e6);
    CHECK(counters[0].at("pid") == 99);
    CHECK(events(frames, "C", "device 9").empty());
}

TEST_CASE("a device that is described late is one counter all the same") {
    std::vector<stats::Snapshot> frames{later(0), later(1)};
    frames[0].devices[0].name.clear();
    frames[1].devices[0].types[0].live_bytes = 5;
    CHECK(events(frames, "C", "device 0").empty());
    CHECK(events(frames, "C", "device 0 mesh (0,1)").size() == 3);
}

TEST_CASE("a process is a counter with a series per device, which falls to zero when it is gone") {
    std::vector<stats::Snapshot> frames{later(0), later(1), later(2)};
    frames[1].processes.pop_back();
    frames[2].processes.pop_back();
    std::vector<Json> big;
    for (const Json& event : events(frames, "C", "live bytes")) {
        if (event.at("pid") == 20) big.push_back(event);
    }
    REQUIRE(big.size() == 3);
    CHECK(big[0].at("args") == Json{{"device 0", 310 * MiB}});
    CHECK(big[1].at("args") == Json{{"device 0", 0}});
    CHECK(big[1].at("ts") == 1e6);
    const auto names = events(frames, "M", "process_name");
    REQUIRE(names.size() == 3);
    CHECK(names[0].at("args").at("name") == "devices of namespace test");
}

TEST_CASE("a pid that comes back has the name of who has it now") {
    std::vector<stats::Snapshot> frames{later(0), later(1), later(2)};
    for (std::size_t i = 1; i < frames.size(); ++i) {
        for (stats::Process& process : frames[i].processes) {
            if (process.pid == 20) process.comm = "next";
        }
    }
    std::vector<std::string> names;
    for (const Json& event : events(frames, "M", "process_name")) {
        if (event.at("pid") == 20) names.push_back(event.at("args").at("name"));
    }
    CHECK(names == std::vector<std::string>{"big", "next"});
}

TEST_CASE("processes without a pid do not take each other's name in every frame") {
    std::vector<stats::Snapshot> frames{later(0), later(1)};
    for (stats::Snapshot& frame : frames) {
        for (stats::Process& process : frame.processes) process.pid = 0;
    }
    CHECK(events(frames, "M", "process_name").size() == 2);  // the aggregator's, too
}

TEST_CASE("the end of a process is an instant with its leak, told once, and only of those that ended meanwhile") {
    std::vector<stats::Snapshot> frames{later(0), later(10), later(20)};
    stats::Exited ended = frames[0].exited[0];
    ended.pid = 20;
    ended.comm = "big";
    ended.end_unix_ns = frames[0].time_unix_ns + 5 * second;
    frames[1].exited.push_back(ended);
    frames[2].exited.push_back(ended);
    const auto ends = events(frames, "i", "ended without exit()");
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].at("ts") == 5e6);
    CHECK(ends[0].at("pid") == 20);
    CHECK(ends[0].at("args").at("leaked_bytes") == 7);
}

TEST_CASE("time never goes back in a trace, and a trace of nothing is one") {
    std::vector<stats::Snapshot> frames{later(10), later(0)};
    frames[1].devices[0].types[0].live_bytes = 5;
    const auto counters = events(frames, "C", "device 0 mesh (0,1)");
    for (const Json& counter : counters) CHECK(counter.at("ts") == 0);
    CHECK(Json::parse(ChromeTrace().finish()).at("traceEvents").empty());
}

TEST_CASE("names of any bytes make a valid trace") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = "\xFF\"\n";
    snapshot.processes[0].comm = "\xC3(";
    ChromeTrace trace;
    trace.add(snapshot);
    CHECK_NOTHROW(Json::parse(trace.finish()));
}

}  // namespace
}  // namespace trackshm::tools
