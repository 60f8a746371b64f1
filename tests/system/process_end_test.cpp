// SPDX-License-Identifier: Apache-2.0
//
// However a process ends, what it reported is applied, what it held is released, and a record of it stays.
#include <catch2/catch.hpp>
#include <csignal>
#include <optional>
#include <string>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/process_record.hpp"
#include "support/script.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

// Reports buffers on three devices, 600 bytes in all.
void hold_three(Script& program) {
    program("alloc 0 100 0 1");
    program("alloc 1 200 1 1");
    program("alloc 2 300 0 1");
}

}  // namespace

TEST_CASE("a process killed while it holds memory on three devices leaves them, and a record of the leak stays") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    hold_three(program);
    program("usage 2 5 50");
    program.sync();
    CHECK(live_bytes(shmtop_json(name_space)) == 650);
    program.child().kill();

    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("clean") == false);
    CHECK(record.at("called_exec") == false);
    CHECK(record.at("leaked_bytes") == 650);
    CHECK(record.at("leaked_buffers") == 3);
    CHECK(record.at("peak_bytes") == 650);
    CHECK(record.at("comm") == program.comm());
    CHECK(record.at("end_unix_ns").get<std::uint64_t>() > 0);
    CHECK(process_row(shmtop_json(name_space), program.pid()).is_null());
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("what a process reported just before it was killed is applied") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("fill 3 1000 0 0 1 10");
    program.child().kill();
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("leaked_buffers") == 3000);
    CHECK(record.at("leaked_bytes") == 30000);
    CHECK(device_row(shmtop_json(name_space), 0).at("allocations_total") == 3000);
    check_all_released(name_space);
}

TEST_CASE("a process that returns from main or calls exit ended cleanly, whatever it leaked") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const std::string end = GENERATE("return 3", "exit 3");
    Script program(name_space);
    hold_three(program);
    program.send(end);
    CHECK(program.child().wait().exited_with(3));
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("clean") == true);
    CHECK(record.at("leaked_bytes") == 600);
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("a process that freed everything ends with nothing leaked") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    hold_three(program);
    program("free_all 1");
    CHECK(program.finish().exited_with(0));
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("clean") == true);
    CHECK(record.at("leaked_bytes") == 0);
    CHECK(record.at("leaked_buffers") == 0);
    CHECK(record.at("peak_bytes") == 600);
}

TEST_CASE("a process that ends by _exit or abort did not end cleanly") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const std::string end = GENERATE("_exit 0", "abort");
    Script program(name_space);
    hold_three(program);
    program.send(end);
    program.child().wait();
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("clean") == false);
    CHECK(record.at("leaked_bytes") == 600);
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("a process that becomes another program by exec is released though its pid lives on") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    hold_three(program);
    program.send("exec sleep 1000");
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("leaked_bytes") == 600);
    CHECK(record.at("called_exec") == true);
    CHECK(record.at("exact") == true);
    CHECK_FALSE(program.child().has_ended());
    CHECK(process_row(shmtop_json(name_space), program.pid()).is_null());
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("a process that closes all its descriptors is tracked to its end") {
    const Namespace name_space;
    const std::string moment = GENERATE("before the aggregator starts", "while it is tracked", "between two aggregators");
    INFO(moment);
    std::optional<Aggregator> aggregator;
    if (moment != "before the aggregator starts") aggregator.emplace(name_space);
    Script program(name_space);
    hold_three(program);
    if (moment == "between two aggregators") aggregator->child().kill();
    program("close_descriptors");
    if (moment != "while it is tracked") aggregator.emplace(name_space);
    // After it the aggregator has looked at the process again, and more than once.
    program("alloc 0 7 0 4");
    program.sync();
    Script other(name_space);
    other("alloc 0 50 0 1");
    other.sync();
    CHECK(other.finish().exited_with(0));
    wait_for_exit_record(name_space, other.pid());
    CHECK(process_row(shmtop_json(name_space), program.pid()).at("live_bytes") == 607);
    CHECK(process_row(shmtop_json(name_space), program.pid()).at("exact") == true);

    program.child().kill();
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("leaked_bytes") == 607);
    CHECK(record.at("clean") == false);
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("a process whose first thread has ended is tracked to its end") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const bool closes = GENERATE(false, true);
    INFO((closes ? "and its descriptors are closed" : "and its descriptors are open"));
    Script program(name_space);
    hold_three(program);
    if (closes) program("close_descriptors");
    program("end_first_thread");
    Script(name_space).child().kill();  // a death, at which all are looked at
    program("alloc 0 7 0 4");
    program.sync();
    CHECK(process_row(shmtop_json(name_space), program.pid()).at("live_bytes") == 607);
    program.child().kill();
    CHECK(wait_for_exit_record(name_space, program.pid()).at("exact") == true);
}

TEST_CASE("what a process left that closed all and ended while it coalesced is applied") {
    const Namespace name_space;
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}});
    program("fill 1 20000 0 0 1 10");
    program("close_descriptors");
    CHECK(program.finish().exited_with(0));
    Aggregator aggregator(name_space);
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("leaked_bytes") == 200000);
    CHECK(record.at("exact") == true);
    CHECK(shmtop_json(name_space).at("events").at("dropped") == 0);
    check_no_process_segments(name_space);
}

TEST_CASE("what a process still held back when it ended without returning from main is counted as lost") {
    const Namespace name_space;
    const std::string end = GENERATE("_exit 0", "abort", "exec true");
    INFO(end);
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}});
    program("fill 1 20000 0 0 1 10");
    program.send(end);
    program.child().wait();
    Aggregator aggregator(name_space);
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("exact") == false);
    CHECK(record.at("clean") == false);
    CHECK(record.at("leaked_buffers") == 2 * 64);  // its own lane and the shared one
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("events").at("reported") == 20000);
    CHECK(snapshot.at("events").at("dropped") == 20000 - 2 * 64);
    CHECK(imbalance(snapshot) == "");
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("what a killed process left is cleaned up although nobody has asked yet how it ended") {
    const Namespace name_space;
    Script program(name_space);
    hold_three(program);
    program.child().signal(SIGKILL);  // and not waited for
    CHECK(eventually([&] {
        run({SHMDUMP_PATH, "--namespace", name_space.name(), "clean"});
        return name_space.segments("p").empty();
    }));
}

TEST_CASE("a program that execs another tracked program is two processes with one pid") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    hold_three(program);
    program.send("exec " + in_shell(SCRIPT_PROGRAM_PATH));
    program.answer();
    program("alloc 0 7 0 1");
    program.sync();
    CHECK(wait_for_exit_record(name_space, program.pid()).at("leaked_bytes") == 600);
    const json snapshot = shmtop_json(name_space);
    CHECK(process_row(snapshot, program.pid()).at("live_bytes") == 7);
    CHECK(live_bytes(snapshot) == 7);
    CHECK(snapshot.at("events").at("implicit_frees") == 0);
}

TEST_CASE("a forked child starts empty with an identity of its own and leaves its parent alone") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    hold_three(program);
    program.child().write_line("fork 5");
    program.child().write_line("free 1");
    program.child().write_line("free_on 2 1");
    program.child().write_line("alloc 0 11 0 1");
    program.child().write_line("alloc 0 22 0 2");
    const std::string child_text = program("sync 20000");
    const auto child = static_cast<pid_t>(std::stol(child_text));
    program.sync();

    json snapshot = shmtop_json(name_space);
    REQUIRE(process_row(snapshot, child).is_object());
    REQUIRE(process_row(snapshot, program.pid()).is_object());
    CHECK(process_row(snapshot, child).at("live_bytes") == 33);
    CHECK(process_row(snapshot, child).at("reported") == 4);
    CHECK(process_row(snapshot, program.pid()).at("live_bytes") == 600);
    CHECK(process_row(snapshot, program.pid()).at("reported") == 3);
    CHECK(snapshot.at("events").at("unknown_frees") == 2);

    CHECK(program("reap") == "0");
    const json record = wait_for_exit_record(name_space, child);
    CHECK(record.at("clean") == true);
    CHECK(record.at("leaked_bytes") == 33);
    program("free_all 1");
    program.sync();
    snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == 0);
    CHECK(snapshot.at("events").at("unknown_frees") == 2);
}

TEST_CASE("a forked child that reports nothing and dies takes nothing of its parent's along") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    hold_three(program);
    program.child().write_line("fork 1");
    program("_exit 0");
    program("reap");
    program("alloc 0 1 0 2");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(process_row(snapshot, program.pid()).at("live_bytes") == 601);
    CHECK(exited_row(snapshot, program.pid()).is_null());
}

TEST_CASE("a process that ends while no aggregator runs is recorded by the next") {
    const Namespace name_space;
    Script program(name_space);
    hold_three(program);
    program.finish();
    Aggregator aggregator(name_space);
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("clean") == true);
    CHECK(record.at("leaked_bytes") == 600);
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("a process that ends during an overflow hands over what it still had to say") {
    const Namespace name_space;
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}});
    program("fill 1 20000 0 0 1 10");
    program("storm 1 5000 0 0 100000 10");
    program.send("exit 0");
    program.child().wait();
    Aggregator aggregator(name_space);
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("clean") == true);
    CHECK(record.at("leaked_buffers") == 20000);
    const json snapshot = shmtop_json(name_space);
    CHECK(device_row(snapshot, 0).at("allocations_total") == 25000);
    CHECK(snapshot.at("events").at("dropped") == 0);
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

}  // namespace trackshm::test
