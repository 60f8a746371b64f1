// SPDX-License-Identifier: Apache-2.0
//
// What went wrong in the tools before this one, case by case: a socket server with its monitor, then counters that every
// process changed in place. The cases that other files test are listed with their tests.
//
//   what went wrong there                                  the test that it does not here
//   ---- the socket server and its monitor ----
//   an address live on 8 devices, freed by id alone        rules: one address live on eight devices and freed by id ...
//   two processes with one address on one device           rules: two processes with the same device and address ...
//   a lost free, and the address came back                 rules: an address reused with another size after a lost ...
//   freed and allocated again by different threads         rules: an address freed on one thread and reused ...
//   a slow server stalled the allocator                    here: hooks do not wait for an aggregator that stands still
//   or lost messages silently                              overflow: counters are exact after the aggregator stood ...
//                                                          overflow: with TRACKSHM_OVERFLOW=drop every loss is ...
//   an absent server cost a connect for every event        here: hooks without an aggregator take microseconds at most
//   a dying server killed its clients                      aggregator_restart: a tracked process keeps running ...
//   a restarted or late server knew nothing                aggregator_restart: an aggregator started after ..., killed ...
//   a second server stole the socket                       aggregator_restart: a second aggregator of the namespace ...
//   a process that may not be signalled was called dead    here: a process the aggregator may not signal is alive
//   deaths were noticed after 3 to 5 s                     here: the death of a process is noticed within a second
//   device 4000 crashed the server                         rules: devices have sparse ids, names and capacities ...
//   message layouts differed from tool to tool             tools_errors: a reader of another layout version exits with 5
//                                                          tools_errors: a process of another layout version is left ...
//   a mesh buffer was reported by its backing buffer too   here: a mesh buffer reported once more by its backing ...
//   circular buffers were allocated and freed              rules: a gauge is absolute ...
//   closing a device left its buffers behind               rules: closing a device frees all the process holds there ...
//   the monitor went on showing what a dead server knew    here: a running monitor exits with 3 once its ...
//                                                          here: a monitor tells how old the figures of a stopped ...
//                                                          tools_errors: readers of a stopped or killed aggregator ...
//   the environment was read before the user set it        here: the environment is read at the first call ...
//   ---- the counters in place ----
//   a creator died between create, size and fill           here: processes killed while they start leave nothing ...
//                                                          stopped_in_hook: a process killed anywhere inside the library
//                                                          segment_test: a segment appears under its final name complete
//   device 0 meant "unused"                                here: device 0, type 0, id 0 and size 0 are as good as any
//   totals lost updates                                    here: totals of processes that report at once lose nothing
//   two reapers took a dead process's memory twice         here: two aggregators release a process once
//                                                          aggregator_restart: a process that ends between two ...
//   SIGKILL left ghost bytes                               process_end: a process killed while it holds memory ...
//   a reused pid took over a dead process's slot           here: a pid that comes back while no aggregator runs ...
//                                                          process_end: a program that execs another tracked program ...
//   the 65th process was not reported                      here: a hundred processes are all reported
//   readers cleaned up behind dead processes               here: readers change nothing
//   110 to 140 ns per report under one mutex               bench/hook_threads.cpp, bench/peers.cpp
//   circular buffers were counted anew at every call       a gauge is one report: bench/hook_burst.cpp
//   TSan cannot see races across two mappings              aggregator_tests: one_mapping_test.cpp
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"

namespace trackshm::test {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

namespace {

struct HookTimes {
    std::chrono::nanoseconds median;
    std::chrono::nanoseconds percentile_99;
};

// Of 200,000 reports in one thread. Medians and percentiles, because a busy machine may suspend a thread at any moment,
// but not in every hundredth hook.
HookTimes time_hooks(Script& program) {
    std::istringstream answer(program("time 100000 0 0 1000 64"));
    std::int64_t median = 0;
    std::int64_t percentile_99 = 0;
    answer >> median >> percentile_99;
    return {std::chrono::nanoseconds(median), std::chrono::nanoseconds(percentile_99)};
}

// How long after its end a process is no longer shown.
std::chrono::nanoseconds time_to_notice_a_death(const Namespace& name_space) {
    Script program(name_space);
    program("alloc 0 100 0 1");
    program.sync();
    const auto death = Clock::now();
    program.child().kill();
    REQUIRE(eventually([&] { return exited_row(shmtop_json(name_space), program.pid()).is_object(); }));
    return Clock::now() - death;
}

// Finished or not.
bool has_segment(const Namespace& name_space, pid_t pid) {
    const std::vector<std::string> all = name_space.segments();
    return std::any_of(all.begin(), all.end(), [part = "." + std::to_string(pid) + "."](const std::string& name) {
        return name.find(part) != std::string::npos;
    });
}

// Every segment of the namespace, byte for byte.
std::map<std::string, std::string> contents(const Namespace& name_space) {
    std::map<std::string, std::string> result;
    for (const std::string& segment : name_space.segments()) {
        std::ifstream file("/dev/shm/" + segment, std::ios::binary);
        result[segment] = std::string(std::istreambuf_iterator<char>(file), {});
    }
    return result;
}

}  // namespace

TEST_CASE("hooks do not wait for an aggregator that stands still") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 0 1");
    program.sync();
    aggregator.child().stop();
    CHECK(time_hooks(program).percentile_99 < std::chrono::milliseconds(1));
    aggregator.child().resume();
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == 100);
    CHECK(snapshot.at("events").at("reported") == 200001);
    CHECK(snapshot.at("events").at("dropped") == 0);
}

TEST_CASE("hooks without an aggregator take microseconds at most") {
    const Namespace name_space;
    Script program(name_space);
    const HookTimes times = time_hooks(program);
    CHECK(times.median < std::chrono::microseconds(5));  // a connect() that is refused takes twice that
    CHECK(times.percentile_99 < std::chrono::milliseconds(1));
}

TEST_CASE("a process the aggregator may not signal is alive") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Arguments without_kill{"setpriv", "--inh-caps=-kill", "--bounding-set=-kill"};
    const auto unable_to_kill = [&](const Arguments& command) {
        Arguments arguments = without_kill;
        arguments.insert(arguments.end(), command.begin(), command.end());
        return arguments;
    };
    const Namespace name_space;
    Child program({SCRIPT_PROGRAM_PATH}, {name_space.tracked(), nobody});
    program.read_line();
    if (!run(unable_to_kill({"true"})).status.exited_with(0)) SKIP_TEST("setpriv cannot take a capability away here");
    REQUIRE_FALSE(run(unable_to_kill({"sh", "-c", "kill -0 " + std::to_string(program.pid())})).status.exited_with(0));

    Child aggregator(unable_to_kill({SHM_AGGREGATOR_PATH, "--namespace", name_space.name()}));
    aggregator.read_error_line_with("ready");
    program.write_line("alloc 0 100 0 1");
    program.write_line("sync 20000");
    program.read_line();
    REQUIRE(program.read_line() == "ok 0");
    // Each death makes the aggregator look at everybody.
    for (int deaths = 0; deaths < 3; ++deaths) time_to_notice_a_death(name_space);
    CHECK(process_row(shmtop_json(name_space), program.pid()).at("live_bytes") == 100);
    program.kill();
    CHECK(eventually([&] { return live_bytes(shmtop_json(name_space)) == 0; }));
}

TEST_CASE("the death of a process is noticed within a second") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    std::array<std::chrono::nanoseconds, 5> times{};
    for (auto& time : times) time = time_to_notice_a_death(name_space);
    std::sort(times.begin(), times.end());
    CHECK(times[times.size() / 2] < std::chrono::seconds(1));
}

TEST_CASE("a mesh buffer reported once more by its backing buffer is one implicit free and as exact as before") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 4096 0 77");  // the backing buffer, as if it lay on the first device
    for (int device = 0; device < 8; ++device) program("alloc " + std::to_string(device) + " 4096 0 77");
    program.sync();
    json snapshot = shmtop_json(name_space);
    CHECK(live_buffers(snapshot) == 8);
    CHECK(live_bytes(snapshot) == 8 * 4096);
    CHECK(snapshot.at("events").at("implicit_frees") == 1);

    for (int i = 0; i < 9; ++i) program("free 77");
    program.sync();
    snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == 0);
    CHECK(snapshot.at("events").at("unknown_frees") == 1);
    CHECK(device_row(snapshot, 0).at("allocations_total") == 2);
    CHECK(device_row(snapshot, 0).at("deallocations_total") == 2);
}

TEST_CASE("a running monitor exits with 3 once its aggregator is killed") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Child monitor({SHMTOP_PATH, "--namespace", name_space.name(), "-a", "-r", "50", "-n", "0"});
    monitor.read_line();
    CHECK_FALSE(monitor.has_ended());
    aggregator.child().kill();
    CHECK(monitor.wait().exited_with(3));
}

TEST_CASE("a monitor tells how old the figures of a stopped aggregator are") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const auto age_ns = [&] {
        return shmtop_json(name_space).at("aggregator").at("publish_age_ns").get<std::uint64_t>();
    };
    aggregator.child().stop();
    CHECK(eventually([&] { return age_ns() > 1'500'000'000; }));
    aggregator.child().resume();
    CHECK(eventually([&] { return age_ns() < 1'000'000'000; }));
}

TEST_CASE("the environment is read at the first call, and trackshm_enabled tells the outcome") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script early(name_space, {{"TRACKSHM", "0"}});
    early("setenv TRACKSHM 1");
    CHECK(early("enabled") == "1");

    Script late(name_space, {{"TRACKSHM", "0"}});
    late("alloc 0 100 0 1");
    late("setenv TRACKSHM 1");
    CHECK(late("enabled") == "0");
    CHECK(late("sync 10") == "3");
}

TEST_CASE("processes killed while they start leave nothing behind that counts or stays") {
    const auto seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    for (int i = 0; i < 60; ++i) {
        Child program({SCRIPT_PROGRAM_PATH}, {name_space.tracked()});
        program.write_line("alloc 0 100 0 1");
        if (i % 2 == 0) {
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));  // anywhere in its start
        } else {  // as soon as there is anything of it
            REQUIRE(eventually([&] { return has_segment(name_space, program.pid()); }));
        }
        program.kill();
    }
    Script program(name_space);
    program("alloc 0 7 0 1");
    program.sync();
    CHECK(eventually([&] { return live_bytes(shmtop_json(name_space)) == 7; }));
    CHECK(shmtop_json(name_space).at("events").at("quarantined_processes") == 0);
    program.finish();
    CHECK(eventually([&] { return shmtop_json(name_space).at("processes").empty(); }));
    CHECK(name_space.segments("p").empty());
    CHECK(name_space.segments("l").empty());
    CHECK(run({SHMDUMP_PATH, "--namespace", name_space.name(), "clean"}).status.exited_with(0));
    CHECK(name_space.segments("tmp").empty());
}

TEST_CASE("device 0, type 0, id 0 and size 0 are as good as any") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 0 0 0");
    program.sync();
    json snapshot = shmtop_json(name_space);
    REQUIRE(snapshot.at("devices").size() == 1);
    CHECK(type_row(snapshot, 0, "DRAM").at("live_buffers") == 1);
    program("free_of 0 0 0");
    program.sync();
    snapshot = shmtop_json(name_space);
    CHECK(type_row(snapshot, 0, "DRAM").at("live_buffers") == 0);
    CHECK(snapshot.at("events").at("unknown_frees") == 0);
}

TEST_CASE("totals of processes that report at once lose nothing") {
    constexpr unsigned count = 4;
    const Namespace name_space;
    Aggregator aggregator(name_space);
    std::vector<std::unique_ptr<Script>> programs;
    for (unsigned i = 0; i < count; ++i) programs.push_back(std::make_unique<Script>(name_space));
    for (const auto& program : programs) program->send("storm 4 25000 0 0 1 8");
    for (const auto& program : programs) program->answer();
    for (const auto& program : programs) program->sync();
    const json row = type_row(shmtop_json(name_space), 0, "DRAM");
    CHECK(row.at("allocations_total") == count * 100000);
    CHECK(row.at("deallocations_total") == count * 100000);
    CHECK(row.at("allocated_bytes_total") == count * 800000);
    CHECK(row.at("live_bytes") == 0);
}

TEST_CASE("two aggregators release a process once") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    Aggregator roots(name_space);
    Child users({SHM_AGGREGATOR_PATH, "--namespace", name_space.name()}, {{}, nobody});
    users.read_error_line_with("ready");
    const auto snapshots = [&] {
        const Arguments look{SHMTOP_PATH, "--namespace", name_space.name(), "--json"};
        return std::array{json::parse(run(look).output), json::parse(run(look, {{}, nobody}).output)};
    };
    const auto count = [&](const char* rows) {
        return snapshots()[0].at(rows).size() + snapshots()[1].at(rows).size();
    };
    for (unsigned round = 1; round <= 5; ++round) {
        Child program({SCRIPT_PROGRAM_PATH}, {name_space.tracked(), nobody});
        program.write_line("alloc 0 100 0 1");
        program.write_line("sync 20000");
        for (int lines = 0; lines < 2; ++lines) program.read_line();
        REQUIRE(program.read_line() == "ok 0");
        CHECK(count("processes") == 1);
        program.kill();
        REQUIRE(eventually([&] { return count("processes") == 0; }));
        CHECK(count("exited") == round);
        for (const json& snapshot : snapshots()) {
            CHECK(live_bytes(snapshot) == 0);
            CHECK(imbalance(snapshot) == "");
        }
    }
}

TEST_CASE("a pid that comes back while no aggregator runs is another process") {
    const Namespace name_space;
    Script program(name_space);
    program("alloc 0 600 0 1");
    program.send("exec " + in_shell(SCRIPT_PROGRAM_PATH));  // a new process under the old pid
    program.answer();
    program("alloc 0 7 0 1");
    Aggregator aggregator(name_space);
    program.sync();
    CHECK(eventually([&] { return exited_row(shmtop_json(name_space), program.pid()).is_object(); }));
    const json snapshot = shmtop_json(name_space);
    CHECK(exited_row(snapshot, program.pid()).at("leaked_bytes") == 600);
    CHECK(process_row(snapshot, program.pid()).at("live_bytes") == 7);
    CHECK(live_bytes(snapshot) == 7);
    CHECK(snapshot.at("events").at("implicit_frees") == 0);
}

TEST_CASE("a hundred processes are all reported") {
    constexpr unsigned count = 100;
    const Namespace name_space;
    Aggregator aggregator(name_space);
    std::vector<std::unique_ptr<Script>> programs;
    for (unsigned i = 0; i < count; ++i) {
        programs.push_back(std::make_unique<Script>(name_space, Environment{{"TRACKSHM_RING_EVENTS", "64"}}));
        (*programs.back())("alloc 0 10 0 1");
    }
    for (const auto& program : programs) program->sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("processes").size() == count);
    CHECK(live_bytes(snapshot) == count * 10);
    for (const auto& program : programs) CHECK(process_row(snapshot, program->pid()).is_object());
}

TEST_CASE("readers change nothing") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script dead(name_space);
    Script living(name_space);
    for (Script* program : {&dead, &living}) {
        (*program)("alloc 0 100 0 1");
        program->sync();
    }
    // Nobody else may change a byte meanwhile.
    aggregator.child().stop();
    living.child().stop();
    dead.child().kill();
    const auto before = contents(name_space);
    for (int looks = 0; looks < 3; ++looks) {
        CHECK(live_bytes(shmtop_json(name_space)) == 200);
        CHECK(shmtop(name_space, {"--csv"}).status.exited_with(0));
        for (const char* view : {"buffers", "segments"}) {
            CHECK(run({SHMDUMP_PATH, "--namespace", name_space.name(), view}).status.exited_with(0));
        }
    }
    CHECK((contents(name_space) == before));
    living.child().resume();
    aggregator.child().resume();
    CHECK(eventually([&] { return live_bytes(shmtop_json(name_space)) == 100; }));
}

}  // namespace trackshm::test
