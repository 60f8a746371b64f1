// SPDX-License-Identifier: Apache-2.0
//
// Too little of everything: shared memory, descriptors, address space. The host program never notices; whatever is not
// tracked, or not yet, is said in one line and never passed off as exact.
#include <sys/mman.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <string>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/private_shm.hpp"
#include "support/process_record.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr std::uint64_t KiB = 1024;
constexpr std::uint64_t MiB = 1024 * KiB;

constexpr const char* needs_mounts = "needs root and mount namespaces";

// What scarce_program prints when nobody is in its way.
std::string undisturbed_output(std::uint64_t threads, std::uint64_t count) {
    return run({SCARCE_PROGRAM_PATH, "none", "0", std::to_string(threads), std::to_string(count)}).output;
}

// Runs it, and checks that it did its own work as if it were alone.
void check_host_is_unharmed(const Namespace& name_space, const std::string& limit, std::uint64_t value,
                            std::uint64_t threads, std::uint64_t count, const Environment& more = {}) {
    INFO(limit << ' ' << value);
    const CommandResult result =
        run({SCARCE_PROGRAM_PATH, limit, std::to_string(value), std::to_string(threads), std::to_string(count)},
            {name_space.tracked(more)});
    CHECK(result.status.exited_with(42));
    CHECK(result.output == undisturbed_output(threads, count));
    CHECK(result.error_output == "");
}

// Runs an aggregator that cannot start: it says in one line what is wrong and what to do.
void check_aggregator_refuses(const Namespace& name_space, const std::string& reason, const std::string& remedy) {
    const CommandResult result = run({SHM_AGGREGATOR_PATH, "--namespace", name_space.name()});
    INFO(result.error_output);
    CHECK(result.status.exited_with(1));
    CHECK(std::count(result.error_output.begin(), result.error_output.end(), '\n') == 1);
    CHECK(result.error_output.find(reason) != std::string::npos);
    CHECK(result.error_output.find(remedy) != std::string::npos);
    CHECK(name_space.segments().empty());
}

// A figure of /proc/PID/status.
std::uint64_t status_kib(pid_t pid, const std::string& key) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; status >> word;) {
        std::uint64_t kib = 0;
        if (word == key && status >> kib) return kib;
    }
    throw std::runtime_error("no " + key);
}

// What it takes without anybody.
std::uint64_t address_space_kib_of_an_aggregator() {
    const Namespace empty;
    Aggregator alone(empty);
    return status_kib(alone.child().pid(), "VmPeak:");
}

std::string dump_of_segments(const Namespace& name_space) {
    return run({SHMDUMP_PATH, "--namespace", name_space.name(), "segments"}).output;
}

}  // namespace

TEST_CASE("a host program in a tiny, full or read-only /dev/shm runs undisturbed and leaves nothing there") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    const std::string options = GENERATE("size=64k", "size=256k", "size=1m", "size=4k", "ro", "size=1m,nr_inodes=2");
    INFO(options);
    PrivateShm shm(options);
    const Namespace name_space;
    for (const char* slots : {"64", "4096"}) {
        check_host_is_unharmed(name_space, "none", 0, 20, 500, {{"TRACKSHM_RING_EVENTS", slots}});
    }
    CHECK(name_space.segments("tmp").empty());
}

TEST_CASE("an aggregator with no room for its state says so and leaves nothing behind") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    const std::string options = GENERATE("size=64k", "size=1m", "size=4m");
    INFO(options);
    PrivateShm shm(options);
    const Namespace name_space;
    check_aggregator_refuses(name_space, "No space left on device", "enlarge it");
}

TEST_CASE("an aggregator on a read-only /dev/shm says so") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("ro");
    check_aggregator_refuses(Namespace{}, "read-only", "remount,rw");
}

TEST_CASE("a host program whose descriptors run out at any point of its start runs undisturbed") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    std::uint64_t tracked = 0;
    for (std::uint64_t left = 0; left <= 4; ++left) check_host_is_unharmed(name_space, "files", left, 2, 100);
    check_no_process_segments(name_space);
    Script bystander(name_space);
    bystander.sync();  // what is published from here on has their ends
    const json snapshot = shmtop_json(name_space);
    for (const json& ended : snapshot.at("exited")) {
        CHECK(ended.at("exact") == true);
        CHECK(ended.at("leaked_buffers") == 101);
        ++tracked;
    }
    CHECK(tracked >= 1);  // with four left it surely is
    CHECK(snapshot.at("events").at("reported") == 301 * tracked);
    CHECK(name_space.segments("tmp").empty());
}

TEST_CASE("a host program without address space to spare runs undisturbed") {
    const Namespace name_space;
    for (const std::uint64_t spare : {0 * KiB, 64 * KiB, 8 * MiB + 512 * KiB, 16 * MiB}) {
        check_host_is_unharmed(name_space, "memory_before", spare, 2, 5000);
    }
    Aggregator aggregator(name_space);
    CHECK(eventually([&] { return name_space.segments("p").empty(); }));
    CHECK(imbalance(shmtop_json(name_space)) == "");
}

TEST_CASE("what a process cannot keep for want of address space is counted as dropped and not called exact") {
    const Namespace name_space;
    // Nobody drains: past the ring everything has to be kept in memory.
    check_host_is_unharmed(name_space, "memory_after", 1 * MiB, 2, 20000, {{"TRACKSHM_RING_EVENTS", "64"}});
    Aggregator aggregator(name_space);
    const json snapshot = snapshot_when(name_space, [](const json& now) { return now.at("exited").size() == 1; });
    CHECK(snapshot.at("events").at("reported") == 2 * 30000 + 1);
    CHECK(snapshot.at("events").at("dropped") > 0);
    CHECK(snapshot.at("exited").at(0).at("exact") == false);
    CHECK(imbalance(snapshot) == "");
    check_all_released(name_space);
}

TEST_CASE("threads for whose lanes there is no room share one, and nothing is lost") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=32m");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 10 0 0");
    program.sync();
    shm.fill(300 * KiB);  // two lanes of 128 KiB
    program("crowd 20 0 0 1 10");
    program("storm 8 2000 0 0 100 10");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(live_buffers(snapshot) == 21);
    CHECK(process_row(snapshot, program.pid()).at("reported") == 21 + 2 * 16000);
    CHECK(process_row(snapshot, program.pid()).at("exact") == true);
    CHECK(imbalance(snapshot) == "");
    CHECK(dump_of_segments(name_space).find("no room for more rings") != std::string::npos);
    CHECK(shm.free_bytes() > 0);  // a lane that was given up takes nothing
    CHECK(program.finish().exited_with(0));
}

TEST_CASE("a thread whose lane finds no more storage in its first lap goes on in the shared one, and nothing is lost") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=32m");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 10 0 1");
    program.sync();
    shm.fill();
    program("empty 2 20000");  // of the same thread: five laps
    program.sync();
    CHECK(dump_of_segments(name_space).find("no room for more rings") != std::string::npos);
    shm.make_room();
    program("empty 2 20000");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("events").at("reported") == 40001);
    CHECK(snapshot.at("events").at("unknown_frees") == 40000);
    CHECK(snapshot.at("events").at("dropped") == 0);
    CHECK(snapshot.at("aggregator").at("exact") == true);
    CHECK(imbalance(snapshot) == "");
    CHECK(program.finish().exited_with(0));
}

TEST_CASE("a buffer table that finds no room to grow loses nothing, is not called exact, and goes on when there is") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=64m");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    Script other(name_space);
    program("alloc 0 10 0 0");
    program.sync();
    other("alloc 1 1 0 1");
    other.sync();
    shm.fill();
    program("fill 1 20000 0 0 1 10");
    json snapshot = snapshot_when(name_space, [&](const json& now) {
        return process_row(now, program.pid()).at("starved") == true;
    });
    CHECK(process_row(snapshot, program.pid()).at("exact") == false);
    CHECK(process_row(snapshot, program.pid()).at("pending") > 0);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(imbalance(snapshot) == "");
    CHECK(count_lines_with(aggregator.child().error_output(), "no room in /dev/shm for the buffer table") == 1);
    CHECK(dump_of_segments(name_space).find("no room for it to grow") != std::string::npos);
    CHECK(shmtop(name_space, {"--once"}).output.find("W events wait for room in /dev/shm") != std::string::npos);

    other("alloc 1 2 0 2");  // the rest is unaffected
    other.sync();
    CHECK(process_row(shmtop_json(name_space), other.pid()).at("live_bytes") == 3);
    CHECK(process_row(shmtop_json(name_space), other.pid()).at("exact") == true);

    shm.make_room();
    program.sync();
    snapshot = shmtop_json(name_space);
    CHECK(process_row(snapshot, program.pid()).at("live_buffers") == 20001);
    CHECK(process_row(snapshot, program.pid()).at("starved") == false);
    CHECK(process_row(snapshot, program.pid()).at("exact") == true);
    CHECK(snapshot.at("aggregator").at("exact") == true);
    CHECK(snapshot.at("events").at("dropped") == 0);
    CHECK(imbalance(snapshot) == "");
    program.finish();
    CHECK(wait_for_exit_record(name_space, program.pid()).at("exact") == true);
}

TEST_CASE("a process that dies while its table finds no room is released, and what was lost is counted") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=64m");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 10 0 0");
    program.sync();
    shm.fill();
    program("fill 1 3000 0 0 1 10");
    snapshot_when(name_space, [&](const json& now) { return process_row(now, program.pid()).at("starved") == true; });
    program.child().kill();
    const json record = wait_for_exit_record(name_space, program.pid());
    CHECK(record.at("exact") == false);
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("events").at("reported") == 3001);
    CHECK(snapshot.at("events").at("dropped") > 0);
    CHECK(snapshot.at("events").at("pending") == 0);
    CHECK(imbalance(snapshot) == "");
    check_all_released(name_space);
    check_no_process_segments(name_space);
}

TEST_CASE("an aggregator takes over a table that finds no room to grow, and goes on when there is") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=64m");
    const Namespace name_space;
    auto aggregator = std::make_unique<Aggregator>(name_space);
    Script program(name_space);
    std::uint64_t buffers = 90000;
    program("fill 1 " + std::to_string(buffers) + " 0 0 1 10");
    program.sync();
    shm.fill(3'000'000);  // for the first steps of growing
    const auto starved = [&](const json& now) { return process_row(now, program.pid()).at("starved") == true; };
    for (; !starved(shmtop_json(name_space)); buffers += 500) {
        REQUIRE(buffers < 200000);
        program("fill 1 500 0 0 " + std::to_string(buffers + 1) + " 10");
        program("sync 1000");  // in vain where it starves
    }

    const json before = shmtop_json(name_space);
    aggregator->child().kill();
    aggregator = std::make_unique<Aggregator>(name_space);
    const json after = snapshot_when(name_space, starved);
    CHECK(after.at("events").at("applied") >= before.at("events").at("applied"));
    CHECK(after.at("events").at("reported") == before.at("events").at("reported"));
    CHECK(after.at("aggregator").at("exact") == false);
    CHECK(imbalance(after) == "");

    shm.make_room();
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(live_buffers(snapshot) == buffers);
    CHECK(snapshot.at("aggregator").at("exact") == true);
    program.finish();
    CHECK(wait_for_exit_record(name_space, program.pid()).at("exact") == true);
}

TEST_CASE("a process for whose table there is no room waits, is counted, and is taken up exactly when there is") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=16m");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    shm.fill(48 * KiB);  // enough for a process with a little ring, not for its table
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}});
    program("fill 1 5000 0 0 1 10");
    const json snapshot =
        snapshot_when(name_space, [](const json& now) { return now.at("events").at("waiting_processes") == 1; });
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(snapshot.at("processes").empty());
    CHECK(count_lines_with(aggregator.child().error_output(), "waits, it cannot be tracked now: No space") == 1);
    shm.make_room();
    snapshot_when(name_space, [](const json& now) { return now.at("events").at("waiting_processes") == 0; });
    program.sync();
    CHECK(live_buffers(shmtop_json(name_space)) == 5000);
    CHECK(shmtop_json(name_space).at("aggregator").at("exact") == true);
    CHECK(name_space.segments("tmp").empty());
}

TEST_CASE("events on more memories than a process's table has room for wait, and are applied when there is") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=16m");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("usage 0 0 1");
    program.sync();
    shm.fill();
    std::uint64_t bytes = 1;
    for (std::uint64_t device = 1; device < 10; ++device) {
        for (std::uint64_t type = 0; type < 16; ++type) {
            program("usage " + std::to_string(device) + " " + std::to_string(type) + " 1000");
            bytes += 1000;
        }
    }
    json snapshot = snapshot_when(name_space, [&](const json& now) {
        return process_row(now, program.pid()).at("starved") == true;
    });
    CHECK(process_row(snapshot, program.pid()).at("exact") == false);
    CHECK(imbalance(snapshot) == "");
    shm.make_room();
    program.sync();
    snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == bytes);
    CHECK(process_row(snapshot, program.pid()).at("starved") == false);
    CHECK(process_row(snapshot, program.pid()).at("exact") == true);
    CHECK(snapshot.at("aggregator").at("exact") == true);
}

TEST_CASE("where the counters find no room for rows these are omitted and counted, and the sums stay exact") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=32m");
    const Namespace name_space;
    auto aggregator = std::make_unique<Aggregator>(name_space);
    Script program(name_space);
    std::uint64_t bytes = 0;
    for (std::uint64_t device = 0; device < 256; ++device) {
        for (std::uint64_t type = 0; type < 16; ++type) {
            program("usage " + std::to_string(device) + " " + std::to_string(type) + " 1000");
            bytes += 1000;
        }
    }
    program.sync();

    // The next one has the process's table, which has its storage, but must make the counters anew.
    aggregator->child().kill();
    for (const std::string& segment : name_space.segments("stats")) shm_unlink(segment.c_str());
    shm.fill(1300 * KiB);  // room for those, and not for the 500 KiB of so many rows, twice
    aggregator = std::make_unique<Aggregator>(name_space);
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == bytes);
    CHECK(snapshot.at("usage_rows_omitted") > 0);
    CHECK(process_row(snapshot, program.pid()).at("live_bytes") == bytes);
    CHECK(process_row(snapshot, program.pid()).at("exact") == true);
    CHECK(shmtop(name_space, {"--once"}).status.exited_with(0));
    shm.make_room();
    snapshot_when(name_space, [](const json& now) { return now.at("usage_rows_omitted") == 0; });
}

TEST_CASE("a full /dev/shm is told of once, by the aggregator and by whoever starts a program that will not be tracked") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    PrivateShm shm("size=16m");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    shm.fill();
    check_host_is_unharmed(name_space, "none", 0, 2, 1000);
    CHECK(name_space.segments("p").empty());
    CHECK(name_space.segments("tmp").empty());
    const auto told = [&] { return count_lines_with(aggregator.child().error_output(), "programs that start now run untracked"); };
    CHECK(eventually([&] { return told() == 1; }));
    const CommandResult started =
        run({SHMRUN_PATH, "--namespace", name_space.name(), "--", SCARCE_PROGRAM_PATH, "none", "0", "2", "1000"});
    CHECK(started.status.exited_with(42));
    CHECK(started.output == undisturbed_output(2, 1000));
    CHECK(count_lines_with(started.error_output, "shmrun: ") == 1);
    CHECK(started.error_output.find("will not be tracked") != std::string::npos);
    CHECK(shmtop(name_space, {"--json"}).status.exited_with(0));
    CHECK(told() == 1);
    shm.make_room();
    Script program(name_space);
    program("alloc 0 10 0 1");
    program.sync();
    CHECK(live_bytes(shmtop_json(name_space)) == 10);
}

TEST_CASE("whoever starts a program that has no place for its segment is told why, and what to do") {
    if (!PrivateShm::is_possible()) SKIP_TEST(needs_mounts);
    const auto [options, reason] = GENERATE(table<std::string, std::string>(
        {{"ro", "/dev/shm cannot be written to"}, {"size=1m,nr_inodes=1", "nr_inodes"}, {"size=64k", "enlarge it"}}));
    INFO(options);
    PrivateShm shm(options);
    const CommandResult started = run({SHMRUN_PATH, "--", SCARCE_PROGRAM_PATH, "none", "0", "2", "1000"});
    CHECK(started.status.exited_with(42));
    CHECK(started.output == undisturbed_output(2, 1000));
    CHECK(count_lines_with(started.error_output, "") == 1);
    CHECK(started.error_output.find("shmrun: the program will not be tracked: ") == 0);
    CHECK(started.error_output.find(reason) != std::string::npos);
}

TEST_CASE("whoever starts a program that cannot be tracked for want of address space is told so") {
    const CommandResult started = run({"sh", "-c", "ulimit -v 13000; exec " + in_shell(SHMRUN_PATH) + " -- true"});
    CHECK(started.status.exited_with(0));
    CHECK(count_lines_with(started.error_output, "") == 1);
    CHECK(started.error_output.find("will not be tracked: ") != std::string::npos);
    CHECK(started.error_output.find("ulimit -v") != std::string::npos);
}

TEST_CASE("a limit on the size of files keeps a program from being tracked, and from nothing else") {
    const Namespace name_space;
    const std::string limited = "ulimit -f 100; exec ";
    Child program({"sh", "-c", limited + in_shell(SCRIPT_PROGRAM_PATH)}, {name_space.tracked()});
    program.read_line();
    program.write_line("enabled");
    CHECK(program.read_line() == "ok 0");
    program.write_line("alloc 0 1 0 1");
    CHECK(program.read_line() == "ok");
    program.close_input();
    CHECK(program.wait().exited_with(0));
    CHECK(name_space.segments().empty());

    const std::string of_namespace = " --namespace " + name_space.name();
    const CommandResult started = run({"sh", "-c", limited + in_shell(SHMRUN_PATH) + of_namespace + " -- true"});
    CHECK(started.status.exited_with(0));
    CHECK(started.error_output.find("will not be tracked: files may not become larger") != std::string::npos);
    const CommandResult aggregator = run({"sh", "-c", limited + in_shell(SHM_AGGREGATOR_PATH) + of_namespace});
    CHECK(aggregator.status.exited_with(1));
    CHECK(aggregator.error_output.find("ulimit -f") != std::string::npos);
    CHECK(name_space.segments().empty());
}

TEST_CASE("an aggregator whose address space runs out anywhere in its start says so, and forgets nothing") {
    const Namespace name_space;
    const std::uint64_t own_kib = address_space_kib_of_an_aggregator();
    Script program(name_space);
    program("alloc 0 100 0 1");
    program("usage 1 0 1000");
    {
        Aggregator first(name_space);
        program.sync();
        CHECK(first.terminate().exited_with(0));
    }
    int refusals = 0;
    for (std::uint64_t less_kib = 0; less_kib <= 6 * 1024; less_kib += 256) {
        INFO(less_kib << " KiB less than it takes");
        const std::string limit = "ulimit -v " + std::to_string(own_kib - less_kib) + "; exec ";
        Child limited({"sh", "-c", limit + in_shell(SHM_AGGREGATOR_PATH) + " --namespace " + name_space.name()});
        REQUIRE(eventually([&] { return limited.error_output().find('\n') != std::string::npos; }));
        if (limited.error_output().find("ready") == std::string::npos) {
            CHECK(limited.wait().exited_with(1));
            CHECK(count_lines_with(limited.error_output(), "") == 1);
            CHECK(limited.error_output().find("ulimit -v") != std::string::npos);
            ++refusals;
        } else {
            limited.signal(SIGTERM);
            CHECK(limited.wait().exited_with(0));
        }
        CHECK_FALSE(has_corrected(limited));
    }
    CHECK(refusals > 0);
    Aggregator last(name_space);
    program.sync();
    CHECK_FALSE(has_corrected(last.child()));
    CHECK(live_bytes(shmtop_json(name_space)) == 1100);
    CHECK(imbalance(shmtop_json(name_space)) == "");
}

TEST_CASE("an aggregator that cannot map a table for want of address space counts who waits, and forgets nothing") {
    const Namespace name_space;
    const std::uint64_t own_kib = address_space_kib_of_an_aggregator();
    Script program(name_space);
    {
        Aggregator first(name_space);
        program("fill 1 700000 0 0 1 16");  // 30 MB of table
        program.sync();
        CHECK(first.terminate().exited_with(0));
    }
    const std::string limit = "ulimit -v " + std::to_string(own_kib + 12 * 1024) + "; exec ";
    {
        Child second({"sh", "-c", limit + in_shell(SHM_AGGREGATOR_PATH) + " --namespace " + name_space.name()});
        second.read_error_line_with("ready");
        const json snapshot = snapshot_when(name_space, [](const json& now) {
            return now.at("events").at("waiting_processes") == 1;
        });
        CHECK(snapshot.at("aggregator").at("exact") == false);
        CHECK(live_buffers(snapshot) == 700000);
        CHECK(second.error_output().find("ulimit -v") != std::string::npos);
        second.signal(SIGTERM);
        CHECK(second.wait().exited_with(0));
    }
    Aggregator third(name_space);
    program("free 1");
    program.sync();
    CHECK(live_buffers(shmtop_json(name_space)) == 699999);
    CHECK(shmtop_json(name_space).at("aggregator").at("exact") == true);
    CHECK(imbalance(shmtop_json(name_space)) == "");
}

}  // namespace trackshm::test
