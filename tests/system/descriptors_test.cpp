// SPDX-License-Identifier: Apache-2.0
//
// Descriptors: an aggregator that has too few, and programs that close theirs and open others under the same numbers. A
// program that has too few is in scarcity_test.cpp.
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/private_shm.hpp"
#include "support/process_record.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"
#include "support/temporary_directory.hpp"

namespace trackshm::test {

using nlohmann::json;

TEST_CASE("an aggregator without descriptors serves whom it can, counts who waits, and serves them later") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const rlimit few{40, 40};
    REQUIRE(prlimit(aggregator.child().pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
    constexpr std::size_t count = 12;
    std::vector<std::unique_ptr<Script>> programs;
    for (std::size_t i = 0; i < count; ++i) {
        programs.push_back(std::make_unique<Script>(name_space));
        (*programs.back())("alloc 0 100 0 1");
    }
    json snapshot = snapshot_when(name_space, [](const json& now) {
        return now.at("processes").size() + now.at("events").at("waiting_processes").get<std::size_t>() == count;
    });
    CHECK(snapshot.at("processes").size() >= 3);
    CHECK(snapshot.at("events").at("waiting_processes") >= 3);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(live_bytes(snapshot) == 100 * snapshot.at("processes").size());
    CHECK(count_lines_with(aggregator.child().error_output(), "raise the limit of open files") == 1);

    for (auto& program : programs) CHECK(program->finish().exited_with(0));
    snapshot = snapshot_when(name_space, [](const json& now) { return now.at("exited").size() == count; });
    CHECK(snapshot.at("events").at("waiting_processes") == 0);
    CHECK(snapshot.at("aggregator").at("exact") == true);
    CHECK(device_row(snapshot, 0).at("allocations_total") == count);
    check_all_released(name_space);
    check_no_process_segments(name_space);
    CHECK(aggregator.terminate().exited_with(0));
}

TEST_CASE("an aggregator started with too few descriptors either serves and can be stopped, or says why not") {
    for (const int files : {4, 5, 6, 7, 8, 16, 27}) {
        INFO(files << " descriptors");
        const Namespace name_space;
        Child aggregator({"sh", "-c", "ulimit -n " + std::to_string(files) + "; exec " + in_shell(SHM_AGGREGATOR_PATH) +
                                          " --namespace " + name_space.name()});
        REQUIRE(eventually([&] { return aggregator.error_output().find('\n') != std::string::npos; }));
        if (aggregator.error_output().find("ready") != std::string::npos) {
            aggregator.signal(SIGTERM);
            CHECK(aggregator.wait().exited_with(0));
        } else if (aggregator.error_output().find("error while loading shared libraries") == std::string::npos) {
            CHECK(aggregator.wait().exited_with(1));
            CHECK(aggregator.error_output().find("raise the limit of open files") != std::string::npos);
            CHECK(count_lines_with(aggregator.error_output(), "") == 1);
            CHECK(name_space.segments().empty());
        }
    }
}

TEST_CASE("a file that has the number of a descriptor its program closed is left alone") {
    if (!PrivateShm::is_possible()) SKIP_TEST("needs root and mount namespaces");
    PrivateShm shm("size=32m");  // fresh, so that its first file has the inode number of the other's first
    const TemporaryDirectory directory;
    const std::string place = directory / "other";
    std::filesystem::create_directory(place);
    REQUIRE(mount("tmpfs", place.c_str(), "tmpfs", 0, "size=1m") == 0);
    const Namespace name_space;
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "64"}});
    program("alloc 0 1 0 1");
    struct stat segment {};
    REQUIRE(stat(("/dev/shm/" + name_space.segments("p").at(0)).c_str(), &segment) == 0);
    program("close_descriptors");
    const std::string host_file = place + "/host.log";
    program("open " + host_file);
    struct stat host {};
    REQUIRE(stat(host_file.c_str(), &host) == 0);
    REQUIRE(host.st_ino == segment.st_ino);
    program("fill 1 500 0 0 2 1");  // more than the ring holds: at its end the rest is left in an extension of the segment
    CHECK(program.finish().exited_with(0));
    CHECK(std::filesystem::file_size(host_file) == 0);
    Aggregator aggregator(name_space);
    CHECK(wait_for_exit_record(name_space, program.pid()).at("leaked_buffers") == 501);
    umount2(place.c_str(), MNT_DETACH);
}

TEST_CASE("an aggregator that has nobody to tell anything serves all the same") {
    const Namespace name_space;
    const std::string closed = GENERATE("2>&-", "2>/dev/full", "<&- >&- 2>&-");
    INFO(closed);
    Child aggregator({"sh", "-c", "exec " + in_shell(SHM_AGGREGATOR_PATH) + " --namespace " + name_space.name() + " " + closed});
    Script program(name_space);
    for (int device = 0; device < 300; ++device) program("alloc " + std::to_string(device) + " 1 0 1");  // a warning, too
    REQUIRE(eventually([&] { return program("sync 1000") == "0"; }));
    CHECK(live_buffers(shmtop_json(name_space)) == 256);
    aggregator.signal(SIGTERM);
    CHECK(aggregator.wait().exited_with(0));
}

TEST_CASE("a program that has closed its standard descriptors is tracked, and may use them anew") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Child program({"sh", "-c", "exec " + in_shell(SCRIPT_PROGRAM_PATH) + " 2>&-"}, {name_space.tracked()});
    program.read_line();
    for (const char* command : {"alloc 0 5 0 1", "open /dev/null", "sync 20000"}) {
        program.write_line(command);
        CHECK(program.read_line() == (command[0] == 'o' ? "ok 2" : command[0] == 's' ? "ok 0" : "ok"));
    }
    CHECK(live_bytes(shmtop_json(name_space)) == 5);
}

}  // namespace trackshm::test
