// SPDX-License-Identifier: Apache-2.0
//
// shmtrace on a real aggregator and on recordings, read by parsers that others wrote.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/formats.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

CommandResult shmtrace(const Arguments& more) {
    Arguments arguments{SHMTRACE_PATH};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
}

void append_frame(const Namespace& name_space, const std::string& file) {
    const CommandResult result = shmtop(name_space, {"--record", file, "-n", "1"});
    INFO(result.error_output);
    REQUIRE(result.status.exited_with(0));
}

struct Recorded {
    std::string file;
    pid_t pid = 0;  // of the process that held 100, then 300 bytes on device 3, and leaked them
};

// Three frames: two while a process lives, one after it has leaked.
Recorded record_life(const Namespace& name_space, const TemporaryDirectory& directory) {
    Recorded recorded{directory / "life.trk"};
    Script program(name_space);
    recorded.pid = program.pid();
    program("name 3 third");
    program("alloc 3 100 0 1");
    program.sync();
    append_frame(name_space, recorded.file);
    program("alloc 3 200 1 2");
    program.sync();
    append_frame(name_space, recorded.file);
    program.finish();
    REQUIRE(eventually([&] { return exited_row(shmtop_json(name_space), recorded.pid).is_object(); }));
    append_frame(name_space, recorded.file);
    return recorded;
}

// It catches SIGINT and sleeps: the first frame is there by then.
bool waits_for_a_frame(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    bool sleeps = false;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("State:")) sleeps = line.find("S (sleeping)") != std::string::npos;
        if (line.starts_with("SigCgt:")) return sleeps && (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1) != 0;
    }
    return false;
}

std::vector<json> events(const json& trace, const std::string& kind, const std::string& name) {
    std::vector<json> found;
    std::copy_if(trace.begin(), trace.end(), std::back_inserter(found),
                 [&](const json& event) { return event.at("ph") == kind && event.at("name") == name; });
    return found;
}

bool is_error(const CommandResult& result, int code) {
    INFO(result.error_output);
    CHECK(result.output.empty());
    CHECK(std::count(result.error_output.begin(), result.error_output.end(), '\n') == 1);
    return result.status.exited_with(code) && result.error_output.starts_with("shmtrace: ");
}

}  // namespace

TEST_CASE("a recording is exported as a trace of what devices and processes held and of how they ended") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const Aggregator aggregator(name_space);
    const Recorded recorded = record_life(name_space, directory);
    const std::string out = directory / "out.json";
    REQUIRE(shmtrace({recorded.file, "-o", out}).status.exited_with(0));
    REQUIRE_PARSED(trace, "chrome", read_file(out));

    const auto device = events(trace, "C", "device 3 third");
    REQUIRE(device.size() == 4);  // three values, and the last once more
    CHECK(device[0].at("args") == json{{"DRAM", 100}});
    CHECK(device[1].at("args") == json{{"DRAM", 100}, {"L1", 200}});
    CHECK(device[2].at("args") == json{{"DRAM", 0}, {"L1", 0}});
    const auto process = events(trace, "C", "live bytes");
    REQUIRE(process.size() == 4);
    CHECK(process[1].at("args") == json{{"device 3", 300}});
    CHECK(process[2].at("args") == json{{"device 3", 0}});
    const auto ends = events(trace, "i", "ended");
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].at("pid") == recorded.pid);
    CHECK(ends[0].at("args").at("leaked_bytes") == 300);
    CHECK(ends[0].at("ts") <= device.back().at("ts"));
}

TEST_CASE("a running aggregator is exported for as long as was asked") {
    const Namespace name_space;
    const Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 3 100 0 1");
    program.sync();
    const CommandResult result =
        shmtrace({"--live", "--seconds", "0.2", "-r", "50", "--namespace", name_space.name()});
    REQUIRE(result.status.exited_with(0));
    REQUIRE_PARSED(trace, "chrome", result.output);
    const auto device = events(trace, "C", "device 3");
    REQUIRE(device.size() == 2);
    CHECK(device[1].at("ts") > 0);
}

TEST_CASE("what was gathered until an interruption, or the aggregator's end, is exported") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 3 100 0 1");
    program.sync();
    const TemporaryDirectory directory;
    const std::string file = directory / "trace.json";
    const bool is_interrupted = GENERATE(true, false);
    const std::string refresh_ms = is_interrupted ? "3600000" : "20";  // nobody waits an hour for what he has interrupted
    Child tracing({SHMTRACE_PATH, "--live", "--seconds", "36000", "-r", refresh_ms, "-o", file, "--namespace",
                   name_space.name()});
    REQUIRE(eventually([&] { return waits_for_a_frame(tracing.pid()); }));
    if (is_interrupted) {
        tracing.signal(SIGINT);
        CHECK(tracing.wait().exited_with(0));
    } else {
        aggregator.child().kill();
        CHECK(tracing.wait().exited_with(3));
        CHECK(count_lines_with(tracing.error_output(), "is gone") == 1);
    }
    REQUIRE_PARSED(trace, "chrome", read_file(file));
    CHECK_FALSE(events(trace, "C", "device 3").empty());
}

TEST_CASE("who holds what is exported as a profile") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const Aggregator aggregator(name_space);
    Script program(name_space);
    program("name 3 third");
    program("alloc 3 100 0 1");
    program("alloc 3 200 0 2");
    program("alloc 4 7 1 3");
    program("usage 65535 7 4096");
    program.sync();
    const std::string holder = program.comm() + " (" + std::to_string(program.pid()) + ")";
    const auto check_profile = [&](const std::string& bytes) {
        REQUIRE_PARSED(samples, "pprof", bytes);
        CHECK(samples.size() == 3);
        const auto has = [&](const json& stack, int objects, int live) {
            const json wanted{stack, {{"live_objects", objects}, {"live_bytes", live}}};
            return std::find(samples.begin(), samples.end(), wanted) != samples.end();
        };
        CHECK(has({"device 3 third", "DRAM", holder}, 2, 300));
        CHECK(has({"device 4", "L1", holder}, 1, 7));
        CHECK(has({"device 65535 host", "HOST", holder}, 0, 4096));
    };
    const CommandResult live = shmtrace({"--live", "--format", "pprof", "--namespace", name_space.name()});
    REQUIRE(live.status.exited_with(0));
    check_profile(live.output);
    append_frame(name_space, directory / "r.trk");
    REQUIRE(shmtrace({directory / "r.trk", "--format", "pprof", "-o", directory / "p.gz"}).status.exited_with(0));
    check_profile(read_file(directory / "p.gz"));
}

TEST_CASE("what cannot be exported is told with the documented exit code") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    write_file(directory / "text", "no recording");
    CHECK(is_error(shmtrace({}), 2));
    CHECK(is_error(shmtrace({"--live", directory / "text"}), 2));
    CHECK(is_error(shmtrace({directory / "text", "--seconds", "3"}), 2));
    CHECK(is_error(shmtrace({"--live", "--format", "svg"}), 2));
    CHECK(is_error(shmtrace({directory / "text"}), 1));
    CHECK(is_error(shmtrace({directory / "missing"}), 1));
    CHECK(is_error(shmtrace({"--live", "--namespace", name_space.name()}), 3));
    const Aggregator aggregator(name_space);
    CHECK(is_error(shmtrace({"--live", "--seconds", "0", "-o", "/dev/full", "--namespace", name_space.name()}), 1));
}

TEST_CASE("a cut recording is exported to its last whole frame, and a line says so") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const Aggregator aggregator(name_space);
    const Recorded recorded = record_life(name_space, directory);
    std::filesystem::resize_file(recorded.file, std::filesystem::file_size(recorded.file) - 1);
    const CommandResult result = shmtrace({recorded.file});
    CHECK(result.status.exited_with(0));
    CHECK(result.error_output.find("cut or damaged after frame 2") != std::string::npos);
    REQUIRE_PARSED(trace, "chrome", result.output);
    CHECK(events(trace, "i", "ended").empty());
}

}  // namespace trackshm::test
