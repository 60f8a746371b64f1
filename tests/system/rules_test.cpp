// SPDX-License-Identifier: Apache-2.0
//
// What each report does to the counters, one rule at a time.
#include <catch2/catch.hpp>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/script.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

const std::string MiB = "1048576";

json events_of(const Namespace& name_space) { return shmtop_json(name_space).at("events"); }

}  // namespace

TEST_CASE("an allocation adds its size and one buffer to its process, device and type") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 3 4096 1 77");
    program("alloc 3 100 0 78");
    program.sync();

    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("schema") == "trackshm.snapshot/1");
    CHECK(snapshot.at("namespace") == name_space.name());
    CHECK(snapshot.at("aggregator").at("alive") == true);
    CHECK(snapshot.at("aggregator").at("pid") == aggregator.child().pid());
    CHECK(type_row(snapshot, 3, "L1").at("live_bytes") == 4096);
    CHECK(type_row(snapshot, 3, "L1").at("live_buffers") == 1);
    CHECK(type_row(snapshot, 3, "L1").at("capacity_bytes").is_null());
    CHECK(device_row(snapshot, 3).at("live_bytes") == 4196);
    const json process = process_row(snapshot, program.pid());
    REQUIRE(process.is_object());
    CHECK(process.at("comm") == program.comm());
    CHECK(process.at("exact") == true);
    CHECK(process.at("live_bytes") == 4196);
    CHECK(process.at("live_buffers") == 2);
    CHECK(process.at("reported") == 2);
    REQUIRE(process.at("devices").size() == 2);
    CHECK(process.at("devices").at(0) ==
          json{{"device", 3}, {"type", "DRAM"}, {"live_bytes", 100}, {"live_buffers", 1}, {"peak_bytes", 100}});
}

TEST_CASE("one address live on eight devices and freed by id alone once per device ends at zero") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    for (const char* device : {"4", "0", "3", "7", "5", "1", "2", "6"}) {
        program(std::string("alloc ") + device + " " + MiB + " 0 4096");
    }
    for (unsigned left = 8; left > 0; --left) {
        program("free 4096");
        program.sync();
        CHECK(live_buffers(shmtop_json(name_space)) == left - 1);
    }
    const json snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == 0);
    CHECK(snapshot.at("events").at("ambiguous_frees") == 7);
    CHECK(snapshot.at("events").at("unknown_frees") == 0);
}

TEST_CASE("a free by id alone takes the oldest entry first") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 5 10 0 1");
    program("alloc 2 20 0 1");
    program("alloc 9 30 0 1");
    program("free 1");
    program.sync();
    CHECK(device_row(shmtop_json(name_space), 5).at("live_bytes") == 0);
    program("free 1");
    program.sync();
    CHECK(device_row(shmtop_json(name_space), 2).at("live_bytes") == 0);
    CHECK(device_row(shmtop_json(name_space), 9).at("live_bytes") == 30);
    CHECK(events_of(name_space).at("ambiguous_frees") == 2);  // of three, of two
}

TEST_CASE("a free of an id nobody allocated changes nothing and is counted") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 10 0 1");
    program("free 2");
    program("free_on 1 1");
    program("free_of 0 1 1");
    program("free_all 3");
    program("close 8");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("events").at("unknown_frees") == 4);
    CHECK(live_bytes(snapshot) == 10);
}

TEST_CASE("one address live in two memories of one device is freed exactly by device and type") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 0 4096");
    program("alloc 0 200 1 4096");
    program("free_of 0 1 4096");
    program.sync();
    json snapshot = shmtop_json(name_space);
    CHECK(type_row(snapshot, 0, "DRAM").at("live_bytes") == 100);
    CHECK(type_row(snapshot, 0, "L1").at("live_bytes") == 0);
    program("alloc 0 200 1 4096");
    program("free_on 0 4096");  // the oldest there: DRAM
    program.sync();
    snapshot = shmtop_json(name_space);
    CHECK(type_row(snapshot, 0, "DRAM").at("live_bytes") == 0);
    CHECK(type_row(snapshot, 0, "L1").at("live_bytes") == 200);
    CHECK(snapshot.at("events").at("ambiguous_frees") == 0);
}

TEST_CASE("free_on frees on one device only, and free_all on every device") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    for (const char* device : {"0", "1", "2"}) program(std::string("alloc ") + device + " 8 0 1");
    program("free_on 1 1");
    program.sync();
    json snapshot = shmtop_json(name_space);
    CHECK(device_row(snapshot, 0).at("live_buffers") == 1);
    CHECK(device_row(snapshot, 1).at("live_buffers") == 0);
    program("free_all 1");
    program.sync();
    snapshot = shmtop_json(name_space);
    CHECK(live_buffers(snapshot) == 0);
    CHECK(snapshot.at("events").at("ambiguous_frees") == 0);
    CHECK(snapshot.at("events").at("reported") == 5);
}

TEST_CASE("an address reused with another size after a lost free has the new size") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 1000 0 1");
    program("alloc 0 30 0 1");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    const json row = device_row(snapshot, 0);
    CHECK(row.at("live_bytes") == 30);
    CHECK(row.at("live_buffers") == 1);
    CHECK(row.at("allocations_total") == 2);
    CHECK(row.at("deallocations_total") == 1);
    CHECK(row.at("deallocated_bytes_total") == 1000);
    CHECK(row.at("peak_bytes") == 1000);
    CHECK(snapshot.at("events").at("implicit_frees") == 1);
}

TEST_CASE("two processes with the same device and address do not affect each other") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script first(name_space);
    Script second(name_space);
    first("alloc 0 100 0 1");
    second("alloc 0 200 0 1");
    first.sync();
    second.sync();
    CHECK(device_row(shmtop_json(name_space), 0).at("live_bytes") == 300);
    first("free 1");
    first("free 1");
    first.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(process_row(snapshot, first.pid()).at("live_bytes") == 0);
    CHECK(process_row(snapshot, second.pid()).at("live_bytes") == 200);
    CHECK(snapshot.at("events").at("unknown_frees") == 1);
    CHECK(snapshot.at("events").at("implicit_frees") == 0);
    first.finish();
    CHECK(eventually([&] { return exited_row(shmtop_json(name_space), first.pid()).is_object(); }));
    CHECK(device_row(shmtop_json(name_space), 0).at("live_bytes") == 200);
}

TEST_CASE("an address freed on one thread and reused on another is resolved in program order") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    aggregator.child().stop();  // else it would take them one by one as they come, and could not mix them up
    for (int round = 0; round < 50; ++round) {
        program("on A alloc 0 100 0 1");
        program("on B free 1");
        program("on C alloc 0 200 0 1");
        program("on A free 1");
    }
    program("on B alloc 0 300 0 1");
    aggregator.child().resume();
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == 300);
    CHECK(snapshot.at("events").at("unknown_frees") == 0);
    CHECK(snapshot.at("events").at("implicit_frees") == 0);
    CHECK(device_row(snapshot, 0).at("peak_bytes") == 300);
}

TEST_CASE("closing a device frees all the process holds there, its gauges too, and nothing elsewhere") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    Script other(name_space);
    program("fill 2 500 0 0 1 64");
    program("fill 1 10 1 0 1 64");
    program("usage 0 5 12345");
    other("alloc 0 7 0 1");
    program("close 0");
    program("alloc 0 9 0 1");  // opened again: the id is new
    program.sync();
    other.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(device_row(snapshot, 0).at("live_bytes") == 16);
    CHECK(device_row(snapshot, 0).at("live_buffers") == 2);
    CHECK(device_row(snapshot, 0).at("deallocations_total") == 1000);
    CHECK(device_row(snapshot, 1).at("live_buffers") == 10);
    CHECK(type_row(snapshot, 0, "CIRCULAR_BUFFER").at("live_bytes") == 0);
    CHECK(snapshot.at("events").at("implicit_frees") == 0);
}

TEST_CASE("a gauge is absolute: it replaces what the process said before and has no buffers") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    Script other(name_space);
    program("usage 2 5 1000");
    program("usage 2 5 400");
    program.sync();  // two processes' reports have no order but this
    other("usage 2 5 50");
    other.sync();
    const json row = type_row(shmtop_json(name_space), 2, "CIRCULAR_BUFFER");
    CHECK(row.at("live_bytes") == 450);
    CHECK(row.at("live_buffers") == 0);
    CHECK(row.at("peak_bytes") == 1000);
    CHECK(row.at("allocations_total") == 0);
}

TEST_CASE("devices have sparse ids, names and capacities, and failures are counted") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 65535 10 7 0");
    program("alloc 4000 281474976710655 15 18446744073709551615");
    program("alloc 0 0 0 0");
    program("name 4000 wormhole-0123456789-0123456789-0123456789");
    program("memory 4000 0 12884901888");
    program("memory 4000 1 78643200");
    program("fail 0 999 0");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    REQUIRE(snapshot.at("devices").size() == 3);
    CHECK(snapshot.at("devices").at(0).at("device") == 0);
    CHECK(snapshot.at("devices").at(2).at("device") == 65535);
    CHECK(device_row(snapshot, 65535).at("name") == "host");
    CHECK(device_row(snapshot, 4000).at("name") == "wormhole-0123456789-0123456789-0123456789");
    CHECK(type_row(snapshot, 4000, "TYPE_15").at("live_bytes") == 281474976710655);
    CHECK(type_row(snapshot, 4000, "DRAM").at("capacity_bytes") == 12884901888);
    CHECK(type_row(snapshot, 4000, "L1").at("capacity_bytes") == 78643200);
    CHECK(device_row(snapshot, 0).at("live_buffers") == 1);
    CHECK(device_row(snapshot, 0).at("allocation_failures_total") == 1);
    CHECK(imbalance(snapshot) == "");
}

TEST_CASE("a report out of range changes nothing and is counted as rejected") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 65536 1 0 1");
    program("alloc 0 281474976710656 0 1");
    program("alloc 0 1 16 1");
    program("alloc 0 1 0 1");
    program.sync();
    CHECK(eventually([&] { return events_of(name_space).at("rejected") == 3; }));
    CHECK(live_bytes(shmtop_json(name_space)) == 1);
}

TEST_CASE("more threads than there are rings lose no event") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("crowd 200 0 0 1 16");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(live_buffers(snapshot) == 200);
    CHECK(snapshot.at("aggregator").at("exact") == true);
}

TEST_CASE("two namespaces on one machine do not see each other") {
    const Namespace one;
    const Namespace two;
    Aggregator aggregator_of_one(one);
    Aggregator aggregator_of_two(two);
    Script program(one);
    program("alloc 0 100 0 1");
    program.sync();
    CHECK(live_bytes(shmtop_json(one)) == 100);
    CHECK(shmtop_json(two).at("processes").empty());
}

TEST_CASE("frees of hundreds of entries each are applied in parts, and not taken for a lie") {
    constexpr unsigned devices = 250;
    constexpr unsigned ids = 300;  // their frees come in one batch, and release more than the undo log holds
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    for (unsigned device = 0; device < devices; ++device) {
        program("hold " + std::to_string(ids) + " " + std::to_string(device) + " 0 1 10");
    }
    program.sync();
    aggregator.child().stop();
    for (unsigned id = 1; id <= ids; ++id) program("free_all " + std::to_string(id));
    aggregator.child().resume();
    program.sync();

    const json snapshot = shmtop_json(name_space);
    CHECK(live_buffers(snapshot) == 0);
    CHECK(device_row(snapshot, devices - 1).at("deallocations_total") == ids);
    CHECK(snapshot.at("events").at("quarantined_processes") == 0);
    CHECK(snapshot.at("aggregator").at("exact") == true);
    CHECK(imbalance(snapshot) == "");
}

TEST_CASE("tracking is off unless the environment switches it on, and sync says so") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    for (const char* value : {"", "0", "2", "yes", "11"}) {
        Script program(name_space, {{"TRACKSHM", value}});
        CHECK(program("enabled") == "0");
        program("alloc 0 1 0 1");
        CHECK(program("sync 10") == "3");
    }
    CHECK(shmtop_json(name_space).at("devices").empty());

    Script predecessor(name_space, {{"TRACKSHM", "0"}, {"TT_ALLOC_TRACKING_ENABLED", "1"}});
    CHECK(predecessor("enabled") == "1");
}

TEST_CASE("sync tells done, timed out and no aggregator apart") {
    const Namespace name_space;
    Script program(name_space);
    program("alloc 0 1 0 1");
    CHECK(program("sync 50") == "2");
    Aggregator aggregator(name_space);
    CHECK(program("sync 20000") == "0");
    aggregator.child().stop();
    program("alloc 0 1 0 2");
    CHECK(program("sync 50") == "1");
    aggregator.child().resume();
    CHECK(program("sync 20000") == "0");
}

#ifdef OWN_HOOK_PROGRAM_PATH
TEST_CASE("an allocator that reports by itself is not called back into a wait for itself") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Child program({OWN_HOOK_PROGRAM_PATH}, {name_space.tracked()});
    const std::string answer = program.read_line(Milliseconds(20000));
    REQUIRE(answer.starts_with("ok "));
    const json device = device_row(shmtop_json(name_space), 7);
    CHECK(device.at("name") == "own");
    CHECK(device.at("allocations_total") > 0);
    program.close_input();
    CHECK(program.wait().exited_with(0));
}
#endif

}  // namespace trackshm::test
