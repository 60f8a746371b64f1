// SPDX-License-Identifier: Apache-2.0
//
// Many threads, many processes, many in a row, and more than there is room for: all figures are exact, what is refused is
// counted, and nothing is left behind. TRACKSHM_TEST_LONG=1 makes the crowds larger: see scripts/long-tests.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/long_form.hpp"
#include "support/process_record.hpp"
#include "support/script.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr Milliseconds patience{120000};
constexpr std::uint64_t max_processes = 1024;
constexpr std::uint64_t max_devices = 256;

// Little rings: a crowd's segments shall not fill the machine.
Child crowd(const Namespace& name_space, const Arguments& arguments) {
    Arguments all{CROWD_PROGRAM_PATH};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Child(all, {name_space.tracked({{"TRACKSHM_RING_EVENTS", "64"}})});
}

void expect_ok(Child& child) { REQUIRE(child.read_line(patience) == "ok 0"); }

// What an aggregator has of things that could leak.
struct Footprint {
    std::size_t descriptors = 0;
    std::size_t mappings = 0;  // of segments
    std::uint64_t address_space_kib = 0;

    static Footprint of(pid_t pid) {
        const std::filesystem::path process = "/proc/" + std::to_string(pid);
        const std::filesystem::directory_iterator files(process / "fd");
        Footprint footprint;
        footprint.descriptors = static_cast<std::size_t>(std::distance(begin(files), end(files)));
        std::ifstream maps(process / "maps");
        for (std::string line; std::getline(maps, line);) footprint.mappings += line.find("/trackshm.") != std::string::npos;
        std::ifstream status(process / "status");
        for (std::string word; status >> word;) {
            if (word == "VmSize:") status >> footprint.address_space_kib;
        }
        return footprint;
    }
};

bool nothing_of_processes_is_left(const Namespace& name_space) {
    return name_space.segments("p").empty() && name_space.segments("l").empty() && name_space.segments("tmp").empty();
}

// Its heap has grown with the first crowd; how much of it is given back each time is chance, some ten megabytes with a
// thousand processes. What comes with each process may not stay.
void check_nothing_leaked(const Namespace& name_space, Aggregator& aggregator, const Footprint& before) {
    CHECK(eventually([&] { return nothing_of_processes_is_left(name_space); }, patience));
    const Footprint after = Footprint::of(aggregator.child().pid());
    CHECK(after.descriptors <= before.descriptors);
    CHECK(after.mappings <= before.mappings);
    CHECK(after.address_space_kib <= before.address_space_kib + 32 * 1024);
}

}  // namespace

TEST_CASE("512 threads that come and go in one process share its 64 lanes and lose nothing", "[long]") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const std::uint64_t total = by_form(6, 100) * 512;
    const std::string slots = GENERATE("64", "4096");
    Child program({CROWD_PROGRAM_PATH, "threads", "512", std::to_string(total)},
                  {name_space.tracked({{"TRACKSHM_RING_EVENTS", slots}})});
    expect_ok(program);
    const json snapshot = shmtop_json(name_space);
    const json row = process_row(snapshot, program.pid());
    REQUIRE(row.is_object());
    CHECK(row.at("reported") == 2 * total - 256);
    CHECK(row.at("pending") == 0);
    CHECK(row.at("live_buffers") == 256);
    CHECK(row.at("live_bytes") == 25600);
    CHECK(row.at("exact") == true);
    CHECK(row.at("unknown_frees") == 0);
    CHECK(row.at("implicit_frees") == 0);
    CHECK(device_row(snapshot, 0).at("allocations_total") == total);
    CHECK(imbalance(snapshot) == "");
    program.write_line("end");
    CHECK(program.wait().exited_with(0));
    CHECK(wait_for_exit_record(name_space, program.pid()).at("leaked_buffers") == 256);
    check_no_process_segments(name_space);
}

TEST_CASE("a crowd of processes at once is exact, and costs the aggregator nothing once it is gone", "[long]") {
    const std::uint64_t count = by_form(300, 1000);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    std::uint64_t ended = 0;
    Footprint before;
    for (int round = 0; round < 3; ++round) {
        Child program = crowd(name_space, {"hold", std::to_string(count), "10", "1000"});
        expect_ok(program);
        json snapshot = snapshot_when(name_space, [&](const json& now) {
            return now.at("processes").size() == count && live_buffers(now) == 10 * count;
        });
        CHECK(live_bytes(snapshot) == 10 * 1000 * count);
        CHECK(snapshot.at("aggregator").at("exact") == true);
        CHECK(snapshot.at("events").at("waiting_processes") == 0);
        CHECK(std::all_of(snapshot.at("processes").begin(), snapshot.at("processes").end(),
                          [](const json& row) { return row.at("live_bytes") == 10000; }));
        program.write_line("end");
        expect_ok(program);
        CHECK(program.wait().exited_with(0));

        ended += count;
        snapshot = snapshot_when(name_space, [](const json& now) { return now.at("processes").empty(); });
        CHECK(snapshot.at("events").at("reported") == 15 * ended);
        CHECK(snapshot.at("events").at("applied") == 15 * ended);
        CHECK(snapshot.at("events").at("unknown_frees") == 0);
        check_all_released(name_space);
        CHECK(device_row(snapshot, 0).at("peak_bytes") == (count + 7) / 8 * 10000);
        if (round == 0) before = Footprint::of(aggregator.child().pid());
    }
    check_nothing_leaked(name_space, aggregator, before);
}

TEST_CASE("short-lived processes in a row are counted one and all, however each ends", "[long]") {
    const std::uint64_t count = by_form(300, 10000);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const std::uint64_t before_count = count / 10;
    Child first = crowd(name_space, {"row", std::to_string(before_count)});
    expect_ok(first);
    snapshot_when(name_space, [&](const json& now) { return now.at("events").at("reported") == 3 * before_count; });
    CHECK(eventually([&] { return nothing_of_processes_is_left(name_space); }));
    const Footprint before = Footprint::of(aggregator.child().pid());

    Child second = crowd(name_space, {"row", std::to_string(count)});
    REQUIRE(second.read_line(Milliseconds(600000)) == "ok 0");
    const std::uint64_t all = before_count + count;
    const json snapshot = snapshot_when(name_space, [&](const json& now) {
        return now.at("events").at("applied") == 3 * all && now.at("processes").empty();
    });
    CHECK(snapshot.at("events").at("reported") == 3 * all);
    CHECK(snapshot.at("exited").size() == std::min<std::uint64_t>(all, 256));
    CHECK(snapshot.at("exited_total") == all);
    CHECK(snapshot.at("leaked_bytes_total") == 20 * all);
    CHECK(snapshot.at("leaked_buffers_total") == all);
    CHECK(device_row(snapshot, 0).at("allocations_total") == 2 * all);
    CHECK(device_row(snapshot, 0).at("allocated_bytes_total") == 30 * all);
    for (const json& ended : snapshot.at("exited")) {
        CHECK(ended.at("leaked_bytes") == 20);
        CHECK(ended.at("exact") == true);
    }
    check_all_released(name_space);
    check_nothing_leaked(name_space, aggregator, before);
    CHECK(count_lines_with(aggregator.child().error_output(), "shm_aggregator:") == 1);  // that it is ready
}

TEST_CASE("processes beyond 1024 wait, are counted and told of, and are served when others end") {
    const std::uint64_t too_many = 40;
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Child crowd_of_all = crowd(name_space, {"hold", std::to_string(max_processes - 20), "2", "100"});
    expect_ok(crowd_of_all);
    snapshot_when(name_space, [&](const json& now) { return now.at("processes").size() == max_processes - 20; });
    Child late = crowd(name_space, {"hold", std::to_string(20 + too_many), "2", "100"});
    expect_ok(late);
    json snapshot = snapshot_when(name_space, [&](const json& now) {
        return now.at("processes").size() == max_processes && now.at("events").at("waiting_processes") == too_many;
    });
    CHECK(live_bytes(snapshot) == 200 * max_processes);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(count_lines_with(aggregator.child().error_output(), "1024 processes are tracked") == 1);
    CHECK(shmtop(name_space, {"--once"}).output.find("waiting processes 40") != std::string::npos);

    crowd_of_all.write_line("end");
    expect_ok(crowd_of_all);
    snapshot = snapshot_when(name_space, [&](const json& now) {
        return now.at("processes").size() == 20 + too_many && now.at("events").at("waiting_processes") == 0;
    });
    CHECK(live_bytes(snapshot) == 200 * (20 + too_many));
    CHECK(snapshot.at("aggregator").at("exact") == true);
    CHECK(snapshot.at("events").at("reported") == 3 * (max_processes - 20) + 2 * (20 + too_many));
    late.write_line("end");
    expect_ok(late);
    snapshot_when(name_space, [&](const json& now) { return now.at("processes").empty(); });
    check_all_released(name_space);
    CHECK(eventually([&] { return nothing_of_processes_is_left(name_space); }));
}

TEST_CASE("reports on more than 256 devices are rejected, counted and told of once, and the others stay exact") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script modest(name_space);
    Script greedy(name_space);
    modest("alloc 65535 5 0 1");
    modest.sync();
    for (std::uint64_t device = 0; device < max_devices + 9; ++device) {
        greedy("alloc " + std::to_string(device * 200) + " 100 0 " + std::to_string(device));
    }
    greedy("usage 64000 0 4096");
    greedy("name 64001 surplus");
    greedy("free_on 64000 1");
    greedy("close 64000");
    greedy.sync();
    modest("alloc 0 7 0 2");
    modest("alloc 65535 7 1 3");
    modest.sync();

    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("devices").size() == max_devices);
    CHECK(snapshot.at("events").at("rejected") == 10 + 2);
    CHECK(process_row(snapshot, greedy.pid()).at("rejected") == 10 + 2);
    CHECK(process_row(snapshot, greedy.pid()).at("exact") == false);
    CHECK(process_row(snapshot, greedy.pid()).at("live_buffers") == max_devices - 1);
    CHECK(process_row(snapshot, modest.pid()).at("exact") == true);
    CHECK(process_row(snapshot, modest.pid()).at("live_bytes") == 5 + 7 + 7);
    CHECK(live_bytes(snapshot) == 100 * (max_devices - 1) + 19);
    CHECK(imbalance(snapshot) == "");
    CHECK(eventually([&] { return count_lines_with(aggregator.child().error_output(), "256 devices are known") == 1; }));

    greedy.finish();
    modest.finish();
    CHECK(wait_for_exit_record(name_space, greedy.pid()).at("exact") == false);
    CHECK(wait_for_exit_record(name_space, modest.pid()).at("exact") == true);
    check_all_released(name_space);
    CHECK(count_lines_with(aggregator.child().error_output(), "256 devices are known") == 1);
}

TEST_CASE("reports with a device, type or size out of range are rejected, counted and told of once") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 15 1");
    program("alloc 0 100 16 2");
    program("alloc 0 100 255 3");
    program("alloc 65536 100 0 4");
    program("alloc 0 281474976710656 0 5");  // 2^48
    program("alloc 65535 281474976710655 0 6");
    program.sync();
    const auto told = [&] { return count_lines_with(aggregator.child().error_output(), "are rejected and counted"); };
    CHECK(eventually([&] { return told() == 1; }));
    const json snapshot = snapshot_when(name_space, [](const json& now) { return now.at("events").at("rejected") == 4; });
    CHECK(type_row(snapshot, 0, "TYPE_15").at("live_bytes") == 100);
    CHECK(device_row(snapshot, 65535).at("live_bytes") == 281474976710655);
    CHECK(snapshot.at("devices").size() == 2);
    CHECK(imbalance(snapshot) == "");
    program.finish();
    Script next(name_space);
    next("alloc 0 1 16 1");
    next.finish();
    CHECK(wait_for_exit_record(name_space, next.pid()).at("leaked_bytes") == 0);
    CHECK(told() == 1);
}

}  // namespace trackshm::test
