// SPDX-License-Identifier: Apache-2.0
//
// Children of a tracked process, however they are made, start empty and as processes of their own; their parent does not
// notice. What fork alone does is in process_end_test.cpp.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <optional>
#include <sstream>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/process_record.hpp"
#include "support/script.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

pid_t first_number(const std::string& answer) { return static_cast<pid_t>(std::stol(answer)); }

bool is_alive(pid_t pid) { return kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("a child made by a raw clone, which runs no fork handler, starts empty with an identity of its own") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 0 1");
    program("alloc 1 200 1 1");
    program.child().write_line("clone 4");
    program.child().write_line("free 1");
    program.child().write_line("alloc 0 11 0 1");
    program.child().write_line("alloc 0 22 0 2");
    const pid_t child = first_number(program("sync 20000"));
    program("alloc 0 1 0 2");
    program.sync();

    const json snapshot = shmtop_json(name_space);
    REQUIRE(process_row(snapshot, child).is_object());
    CHECK(process_row(snapshot, child).at("live_bytes") == 33);
    CHECK(process_row(snapshot, child).at("reported") == 3);
    CHECK(process_row(snapshot, child).at("unknown_frees") == 1);
    REQUIRE(process_row(snapshot, program.pid()).is_object());
    CHECK(process_row(snapshot, program.pid()).at("live_bytes") == 301);
    CHECK(process_row(snapshot, program.pid()).at("reported") == 3);
    CHECK(process_row(snapshot, program.pid()).at("unknown_frees") == 0);

    CHECK(program("reap") == "0");
    CHECK(wait_for_exit_record(name_space, child).at("leaked_bytes") == 33);
    program("free_all 1");
    program("free 2");
    program.sync();
    CHECK(live_bytes(shmtop_json(name_space)) == 0);
    CHECK(imbalance(shmtop_json(name_space)) == "");
}

TEST_CASE("programs started by posix_spawn and by vfork are processes of their own") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const std::string way = GENERATE("spawn", "vfork");
    Script program(name_space);
    program("alloc 0 100 0 1");
    CHECK(program(way + " " + in_shell(CROWD_PROGRAM_PATH) + " row 3") == "0");  // its own answer
    std::istringstream answer(program.answer());
    pid_t child = 0;
    int status = -1;
    answer >> child >> status;
    CHECK(status == 0);
    CHECK(answer.eof());
    program("alloc 0 200 0 2");
    program.sync();

    CHECK(eventually([&] { return shmtop_json(name_space).at("exited").size() == 3; }));
    const json snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == 300);
    CHECK(process_row(snapshot, program.pid()).at("reported") == 2);
    CHECK(process_row(snapshot, program.pid()).at("exact") == true);
    CHECK(snapshot.at("events").at("reported") == 2 + 3 * 3);
    CHECK(snapshot.at("events").at("unknown_frees") == 0);
}

TEST_CASE("a program that fails to exec in a vfork child goes on being tracked") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 0 1");
    program("vfork /no/such/program");
    program("alloc 0 200 0 2");
    program("free 1");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(process_row(snapshot, program.pid()).at("live_bytes") == 200);
    CHECK(snapshot.at("exited").empty());
}

TEST_CASE("a program that becomes a daemon holds what it reports from then on") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 0 1");
    program("alloc 0 200 0 2");
    program.send("daemonise");
    CHECK(program.child().wait().exited_with(0));
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("leaked_bytes") == 300);
    CHECK(record.at("clean") == false);  // by _exit, as daemons do

    std::string answer;
    REQUIRE(eventually([&] {
        answer = program.child().output();
        return std::count(answer.begin(), answer.end(), '\n') == 4;
    }));
    const pid_t daemon = first_number(answer.substr(answer.rfind("ok ") + 3));
    program.send("alloc 0 7 0 1");
    program.send("free 2");  // its parent's
    CHECK(eventually([&] { return live_bytes(shmtop_json(name_space)) == 7; }));
    CHECK(eventually([&] { return shmtop_json(name_space).at("events").at("unknown_frees") == 1; }));
    const json row = process_row(shmtop_json(name_space), daemon);
    REQUIRE(row.is_object());
    CHECK(row.at("live_bytes") == 7);

    program.child().close_input();
    CHECK(wait_for_exit_record(name_space, daemon).at("leaked_bytes") == 7);
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("the death of a parent is noticed although a child inherited its descriptors and mappings") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const std::string way = GENERATE("fork", "clone");
    const bool reports = GENERATE(true, false);
    INFO(way << (reports ? ", a child that reports" : ", a child that never does"));
    Script program(name_space);
    program("fill 2 1000 0 0 1 10");
    program.child().write_line(way + " 1");
    const pid_t child = first_number(program(reports ? "alloc 0 11 0 1" : "memory 3 0 1000"));
    kill(child, SIGSTOP);  // or it would notice too, and end
    program.child().kill();

    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("leaked_bytes") == 20000);
    CHECK(record.at("leaked_buffers") == 2000);
    CHECK(record.at("clean") == false);
    CHECK(process_row(shmtop_json(name_space), program.pid()).is_null());
    const json snapshot = snapshot_when(name_space, [&](const json& now) {
        const json row = process_row(now, child);
        return row.is_object() && row.at("live_bytes") == (reports ? 11 : 0);
    });
    CHECK(process_row(snapshot, child).at("exact") == true);
    kill(child, SIGKILL);
    wait_for_exit_record(name_space, child);
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("a child that never reports and outlives its parent keeps nothing of it in the figures or in /dev/shm") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const std::string way = GENERATE("fork", "clone");
    Script program(name_space);
    program("alloc 0 100 0 1");
    program.child().write_line(way + " 1");
    const pid_t child = first_number(program("spawn true"));
    kill(child, SIGSTOP);
    program.child().kill();
    CHECK(wait_for_exit_record(name_space, program.pid()).at("leaked_bytes") == 100);
    CHECK(is_alive(child));
    check_all_released(name_space);
    check_no_process_segments(name_space);
    kill(child, SIGKILL);
    CHECK(shmtop_json(name_space).at("exited").size() == 1);
}

TEST_CASE("exec from another than the first thread ends the tracking of the process") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 0 1");
    program("on 1 alloc 0 200 0 2");
    program.send("on 1 exec sleep 1000");
    CHECK(wait_for_exit_record(name_space, program.pid()).at("leaked_bytes") == 300);
    CHECK_FALSE(program.child().has_ended());
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("a child forked while another thread makes the process's first report starts over") {
    const Namespace name_space;
    constexpr int programs = 60;  // the moment is short: one in two hundred met it
    for (int i = 0; i < programs; ++i) {
        Child program({CROWD_PROGRAM_PATH, "forks", "3", "2"}, {name_space.tracked()});
        REQUIRE(program.read_line(Milliseconds(20000)).starts_with("ok "));
        program.write_line("");
        REQUIRE(program.wait().exited_with(0));
    }
    Aggregator aggregator(name_space);
    snapshot_when(name_space, [](const json& now) { return now.at("processes").empty(); });
    check_all_released(name_space);
}

TEST_CASE("children forked while other threads are inside hooks and while the process coalesces work") {
    constexpr unsigned children = 150;
    const Namespace name_space;
    const bool is_served = GENERATE(true, false);  // without an aggregator it coalesces all the time
    INFO((is_served ? "with" : "without") << " an aggregator");
    std::optional<Aggregator> aggregator;
    if (is_served) aggregator.emplace(name_space);
    Child program({CROWD_PROGRAM_PATH, "forks", "3", std::to_string(children)},
                  {name_space.tracked({{"TRACKSHM_RING_EVENTS", "64"}})});
    const std::string answer = program.read_line(Milliseconds(120000));
    INFO(answer);
    REQUIRE(answer.starts_with("ok "));
    const std::uint64_t pairs = std::stoull(answer.substr(3));
    if (!is_served) aggregator.emplace(name_space);

    json snapshot;
    CHECK(eventually([&] {
        snapshot = shmtop_json(name_space);
        const json& events = snapshot.at("events");
        return events.at("reported") == 2 * pairs + 2 * children && events.at("pending") == 0 &&
               snapshot.at("processes").size() == 1;
    }));
    CHECK(device_row(snapshot, 0).at("allocations_total") == pairs);
    CHECK(device_row(snapshot, 0).at("live_buffers") == 0);
    CHECK(device_row(snapshot, 1).at("allocations_total") == 2 * children);
    CHECK(device_row(snapshot, 1).at("allocated_bytes_total") == 16 * children);
    CHECK(device_row(snapshot, 1).at("live_buffers") == 0);
    CHECK(snapshot.at("exited").size() == children);
    for (const json& child : snapshot.at("exited")) {
        CHECK(child.at("leaked_bytes") == 16);
        CHECK(child.at("exact") == true);
    }
    CHECK(process_row(snapshot, program.pid()).at("exact") == true);
    CHECK(snapshot.at("events").at("unknown_frees") == 0);
    CHECK(snapshot.at("events").at("implicit_frees") == 0);
    CHECK(snapshot.at("events").at("dropped") == 0);
    CHECK(imbalance(snapshot) == "");
    program.write_line("end");
    CHECK(program.wait().exited_with(0));
}

}  // namespace trackshm::test
