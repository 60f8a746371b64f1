// SPDX-License-Identifier: Apache-2.0
//
// The aggregator starts late, stops, is killed and comes back: nothing is lost and nothing counts twice.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/foreign_segment.hpp"
#include "support/process_record.hpp"
#include "support/script.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

// 100 live buffers of 10 bytes and 400 allocations that are freed again, all with ids from `first`.
void report_some(Script& program, unsigned first) {
    program("fill 2 50 1 0 " + std::to_string(first) + " 10");
    program("storm 2 200 1 0 " + std::to_string(first + 100) + " 7");
}

void check_reported(const json& snapshot, unsigned times) {
    const json row = device_row(snapshot, 1);
    REQUIRE(row.is_object());
    CHECK(row.at("live_bytes") == times * 1000);
    CHECK(row.at("live_buffers") == times * 100);
    CHECK(row.at("allocations_total") == times * 500);
    CHECK(row.at("deallocations_total") == times * 400);
    CHECK(row.at("allocated_bytes_total") == times * (1000 + 400 * 7));
    CHECK(snapshot.at("events").at("reported") == times * 900);
    CHECK(snapshot.at("events").at("pending") == 0);
    CHECK(snapshot.at("events").at("unknown_frees") == 0);
    CHECK(snapshot.at("events").at("implicit_frees") == 0);
    CHECK(snapshot.at("aggregator").at("exact") == true);
    CHECK(imbalance(snapshot) == "");
}

}  // namespace

TEST_CASE("an aggregator started after the process knows all it reported") {
    const Namespace name_space;
    Script program(name_space);
    report_some(program, 0);
    Aggregator aggregator(name_space);
    program.sync();
    const json snapshot = shmtop_json(name_space);
    check_reported(snapshot, 1);
    CHECK(snapshot.at("aggregator").at("start_count") == 1);
}

TEST_CASE("an aggregator started after a million events overflowed the ring knows the exact state and totals") {
    const Namespace name_space;
    Script program(name_space);
    program("fill 4 250 3 1 0 100");
    program("storm 4 150000 3 1 100000 64");
    program("free 0");
    Aggregator aggregator(name_space);
    program.sync();
    const json snapshot = shmtop_json(name_space);
    const json row = type_row(snapshot, 3, "L1");
    REQUIRE(row.is_object());
    CHECK(row.at("live_buffers") == 999);
    CHECK(row.at("live_bytes") == 99900);
    CHECK(row.at("allocations_total") == 601000);
    CHECK(row.at("deallocations_total") == 600001);
    CHECK(row.at("allocated_bytes_total") == 100000 + 600000 * 64);
    CHECK(snapshot.at("events").at("reported") == 1201001);
    CHECK(snapshot.at("events").at("dropped") == 0);
    CHECK(snapshot.at("events").at("coalesced").get<std::uint64_t>() > 500000);
    CHECK(snapshot.at("aggregator").at("exact") == true);
    CHECK(process_row(snapshot, program.pid()).at("peak_exact") == false);
    CHECK(imbalance(snapshot) == "");
}

TEST_CASE("an aggregator stopped and started again goes on exactly where it was") {
    const Namespace name_space;
    Script program(name_space);
    for (unsigned start = 1; start <= 3; ++start) {
        Aggregator aggregator(name_space);
        report_some(program, start * 10000);
        program.sync();
        const json snapshot = shmtop_json(name_space);
        check_reported(snapshot, 2 * start - 1);
        CHECK(snapshot.at("aggregator").at("start_count") == start);
        CHECK(aggregator.terminate().exited_with(0));
        report_some(program, start * 10000 + 5000);
    }
}

TEST_CASE("an aggregator killed and started again goes on exactly where it was") {
    const Namespace name_space;
    Script program(name_space);
    auto aggregator = std::make_unique<Aggregator>(name_space);
    for (unsigned kills = 1; kills <= 10; ++kills) {
        report_some(program, kills * 1000);  // killed in the middle of this, or before, or after
        aggregator->child().kill();
        aggregator = std::make_unique<Aggregator>(name_space);
        program.sync();
        const json snapshot = shmtop_json(name_space);
        check_reported(snapshot, kills);
        CHECK(snapshot.at("aggregator").at("start_count") == kills + 1);
    }
}

TEST_CASE("a tracked process keeps running when its aggregator dies") {
    const Namespace name_space;
    Script program(name_space);
    {
        Aggregator aggregator(name_space);
        program("alloc 0 1 0 1");
        program.sync();
        aggregator.child().kill();
    }
    program("storm 4 10000 0 0 10 8");
    CHECK(program("sync 50") == "2");
    CHECK(program.finish().exited_with(0));
}

TEST_CASE("a process that ends between two aggregators is accounted for once") {
    const Namespace name_space;
    auto first = std::make_unique<Aggregator>(name_space);
    Script program(name_space);
    report_some(program, 0);
    program.sync();
    first->child().kill();
    program.child().kill();
    Aggregator second(name_space);
    CHECK(eventually([&] { return exited_row(shmtop_json(name_space), program.pid()).is_object(); }));
    const json snapshot = shmtop_json(name_space);
    CHECK(exited_row(snapshot, program.pid()).at("leaked_buffers") == 100);
    CHECK(device_row(snapshot, 1).at("allocations_total") == 500);
    CHECK(device_row(snapshot, 1).at("deallocations_total") == 500);
    CHECK(live_bytes(snapshot) == 0);
    CHECK(snapshot.at("exited").size() == 1);
}

TEST_CASE("a second aggregator of the namespace exits with 3 and disturbs nothing") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    report_some(program, 0);
    const CommandResult second = run({SHM_AGGREGATOR_PATH, "--namespace", name_space.name()});
    CHECK(second.status.exited_with(3));
    CHECK(second.error_output.find(name_space.name()) != std::string::npos);
    CHECK(std::count(second.error_output.begin(), second.error_output.end(), '\n') == 1);
    program.sync();
    check_reported(shmtop_json(name_space), 1);
}

TEST_CASE("a fresh start forgets the totals and records of the earlier run") {
    const Namespace name_space;
    {
        Aggregator aggregator(name_space);
        Script program(name_space);
        report_some(program, 0);
        program.sync();
        program.finish();
        CHECK(eventually([&] { return !shmtop_json(name_space).at("exited").empty(); }));
        CHECK(aggregator.terminate().exited_with(0));
    }
    Aggregator aggregator(name_space, {"--fresh"});
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("exited").empty());
    CHECK(snapshot.at("devices").empty());
    CHECK(snapshot.at("events").at("reported") == 0);
    CHECK(snapshot.at("aggregator").at("start_count") == 1);
}

TEST_CASE("the log of events has one line for each") {
    const Namespace name_space;
    Aggregator aggregator(name_space, {"--log-events"});
    Script program(name_space);
    program("alloc 0 10 0 1");
    program("free 1");
    program("free 2");
    program.sync();
    CHECK(aggregator.terminate().exited_with(0));
    const std::string log = aggregator.child().output();
    CHECK(std::count(log.begin(), log.end(), '\n') == 3);
}

TEST_CASE("how far a process is applied is published though a predecessor had applied it all and died") {
    const Namespace name_space;
    std::optional<Aggregator> aggregator(std::in_place, name_space);
    Script program(name_space);
    program("fill 1 10 0 0 1 10");
    program.sync();
    aggregator->child().kill();
    const ForeignSegment segment(name_space, program.pid());
    segment.header().watermark = 0;  // as if that had not come to it
    aggregator.emplace(name_space);
    CHECK(eventually([&] { return segment.header().watermark == segment.header().tickets; }));
}

TEST_CASE("the first publication of an aggregator has nothing in it that the dead have not released") {
    const Namespace name_space;
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "1048576"}});
    program("fill 1 1000 1 0 0 10");
    program("storm 1 500000 1 0 1000 7");  // more than the dead are drained of in one turn
    program.child().kill();

    Aggregator aggregator(name_space);
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("processes").empty());
    CHECK(snapshot.at("events").at("applied") == 1001000);
    CHECK(exited_row(snapshot, program.pid()).at("leaked_bytes") == 10000);
    check_all_released(name_space);
}

TEST_CASE("an aggregator that is told to stop has released who ended meanwhile") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    report_some(program, 0);
    program.sync();

    aggregator.child().signal(SIGSTOP);
    aggregator.child().signal(SIGTERM);
    program.child().kill();
    aggregator.child().signal(SIGCONT);
    CHECK(aggregator.child().wait().exited_with(0));
    CHECK(name_space.segments("p").empty());

    const Aggregator next(name_space);
    CHECK(exited_row(shmtop_json(name_space), program.pid()).at("leaked_bytes") == 1000);
    check_all_released(name_space);
}

TEST_CASE("the first publication of a restarted aggregator has every process in it") {
    const Namespace name_space;
    auto aggregator = std::make_unique<Aggregator>(name_space);
    constexpr int processes = 300;  // more than are attached at one look
    std::vector<std::unique_ptr<Script>> programs;
    for (int i = 0; i < processes; ++i) programs.push_back(std::make_unique<Script>(name_space));
    for (const auto& program : programs) (*program)("fill 1 10 0 0 1 10");
    for (const auto& program : programs) program->sync();
    aggregator->child().kill();
    aggregator = std::make_unique<Aggregator>(name_space);
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("processes").size() == processes);
    CHECK(snapshot.at("events").at("reported") == 10 * processes);
    CHECK(live_buffers(snapshot) == 10 * processes);
    CHECK(snapshot.at("aggregator").at("exact") == true);
}

TEST_CASE("a process whose segment was removed while no aggregator ran keeps what it had dropped") {
    const Namespace name_space;
    auto aggregator = std::make_unique<Aggregator>(name_space);
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}, {"TRACKSHM_OVERFLOW", "drop"}});
    program("alloc 0 10 0 1");
    program.sync();
    aggregator->child().stop();
    program("storm 1 500 0 0 1000 32");
    aggregator->child().resume();
    program.sync();
    const json before = shmtop_json(name_space).at("events");
    REQUIRE(before.at("dropped") > 0);
    aggregator->child().kill();
    program.child().kill();
    std::filesystem::remove("/dev/shm/" + name_space.segments("p").at(0));

    aggregator = std::make_unique<Aggregator>(name_space);
    CHECK(wait_for_exit_record(name_space, program.pid()).at("exact") == false);
    CHECK(shmtop_json(name_space).at("events") == before);
    check_all_released(name_space);
}

TEST_CASE("a process that said nothing leaves no record, also where the aggregator was restarted meanwhile") {
    const Namespace name_space;
    auto aggregator = std::make_unique<Aggregator>(name_space);
    Script program(name_space);
    program("enabled");
    REQUIRE(eventually([&] { return name_space.segments("l").size() == 1; }));
    aggregator->child().kill();
    CHECK(program.finish().exited_with(0));
    aggregator = std::make_unique<Aggregator>(name_space);
    CHECK(shmtop_json(name_space).at("exited").empty());
    CHECK(name_space.segments("l").empty());
    CHECK(name_space.segments("p").empty());
}

}  // namespace trackshm::test
