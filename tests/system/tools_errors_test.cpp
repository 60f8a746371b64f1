// SPDX-License-Identifier: Apache-2.0
//
// What the tools say, and exit with, when they cannot do what was asked.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"

namespace trackshm::test {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr off_t layout_offset = 8;  // of every segment: see the *_abi.hpp headers

const Arguments tools{SHM_AGGREGATOR_PATH, SHMTOP_PATH, SHMDUMP_PATH, SHMRUN_PATH, SHMTRACE_PATH, MESH_WORKLOAD_PATH
#ifdef SHM_EXPORTER_PATH
                      ,
                      SHM_EXPORTER_PATH
#endif
};

bool is_one_line(const std::string& text) {
    return text.size() > 1 && text.back() == '\n' && std::count(text.begin(), text.end(), '\n') == 1;
}

// A segment's file, opened to be tampered with.
class SegmentFile {
public:
    SegmentFile(const Namespace& name_space, const std::string& kind) {
        const auto names = name_space.segments(kind);
        REQUIRE(names.size() == 1);
        fd_ = open(("/dev/shm/" + names.front()).c_str(), O_RDWR | O_CLOEXEC);
        REQUIRE(fd_ >= 0);
    }
    ~SegmentFile() { close(fd_); }
    SegmentFile(const SegmentFile&) = delete;
    SegmentFile& operator=(const SegmentFile&) = delete;

    void write_layout(std::uint32_t version) const {
        REQUIRE(pwrite(fd_, &version, sizeof version, layout_offset) == sizeof version);
    }
    void fill_with_zeros() const {
        struct stat info {};
        REQUIRE(fstat(fd_, &info) == 0);
        const std::string zeros(static_cast<std::size_t>(info.st_size), '\0');
        REQUIRE(pwrite(fd_, zeros.data(), zeros.size(), 0) == static_cast<ssize_t>(zeros.size()));
    }
    void set_mode(mode_t mode) const { REQUIRE(fchmod(fd_, mode) == 0); }

private:
    int fd_ = -1;
};

void check_fails(const CommandResult& result, int code) {
    INFO(result.output << result.error_output);
    CHECK(result.status.exited_with(code));
    CHECK(is_one_line(result.error_output));
    CHECK(result.output.empty());
}

}  // namespace

TEST_CASE("every program has a help and a version that names the layout") {
    for (const std::string& tool : tools) {
        INFO(tool);
        for (const char* flag : {"--help", "-h"}) {
            const CommandResult help = run({tool, flag});
            CHECK(help.status.exited_with(0));
            CHECK(help.output.find("--help") != std::string::npos);
        }
        for (const char* flag : {"--version", "-V"}) {
            const CommandResult version = run({tool, flag});
            CHECK(version.status.exited_with(0));
            CHECK(version.output.find("layout") != std::string::npos);
            CHECK(version.output.find(fs::path(tool).filename()) != std::string::npos);
        }
    }
}

TEST_CASE("a help that nobody gets is a failure") {
    for (const std::string& tool : tools) {
        for (const std::string flag : {"--help", "--version"}) {
            const CommandResult result = run({"/bin/sh", "-c", in_shell(tool) + " " + flag + " >/dev/full"});
            CHECK(result.status.exited_with(1));
            CHECK(result.error_output.find("cannot write to stdout: No space left on device") != std::string::npos);
        }
    }
}

TEST_CASE("what cannot be written is said, with the reason in the exit code") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    check_fails(shmtop(name_space, {"--json", "-o", "/no/such/directory/x.json"}), 1);
    const CommandResult workload = run({"/bin/sh", "-c", in_shell(MESH_WORKLOAD_PATH) + " --step-ms 0 >/dev/full"});
    CHECK(workload.status.exited_with(1));
    CHECK(count_lines_with(workload.error_output, "cannot write to stdout") == 1);
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const ChildOptions as_nobody{{}, nobody};
    check_fails(run({SHMTOP_PATH, "--namespace", name_space.name(), "--json", "-o", "/x.json"}, as_nobody), 4);
    check_fails(run({SHMTRACE_PATH, "--namespace", name_space.name(), "--live", "--seconds", "0", "-o", "/x"}, as_nobody), 4);
}

TEST_CASE("a log of events that nobody gets is told of once, and the aggregator serves on") {
    const Namespace name_space;
    Child aggregator({"/bin/sh", "-c", "exec " + in_shell(SHM_AGGREGATOR_PATH) + " --log-events --namespace " +
                                           name_space.name() + " >/dev/full"});
    aggregator.read_error_line_with("ready");
    Script program(name_space);
    for (int id = 0; id < 3; ++id) {
        program("alloc 0 10 0 " + std::to_string(id));
        program.sync();
    }
    CHECK(live_bytes(shmtop_json(name_space)) == 30);
    CHECK(count_lines_with(aggregator.error_output(), "cannot write the log of events") == 1);
}

TEST_CASE("the name of a file must not be empty, and a word after shmdump must be one of its own") {
    const Namespace name_space;
    check_fails(shmtop(name_space, {"--json", "-o", ""}), 2);
    check_fails(run({SHMTRACE_PATH, "--live", "-o", ""}), 2);
    const CommandResult unknown = run({SHMDUMP_PATH, "foo"});
    check_fails(unknown, 2);
    CHECK(unknown.error_output.find("foo") != std::string::npos);
    const CommandResult nothing = run({SHMDUMP_PATH});
    check_fails(nothing, 2);
    CHECK(nothing.error_output.find("buffers, segments or clean") != std::string::npos);
}

TEST_CASE("an unknown flag is a usage error of every program") {
    for (const std::string& tool : tools) {
        INFO(tool);
        check_fails(run({tool, "--no-such-flag"}), 2);
    }
}

TEST_CASE("a bad value is a usage error") {
    const Namespace name_space;
    check_fails(shmtop(name_space, {"--refresh", "soon"}), 2);
    check_fails(shmtop(name_space, {"--device", "1-"}), 2);
    check_fails(shmtop(name_space, {"--type", "NO_SUCH_TYPE"}), 2);
    check_fails(shmtop(name_space, {"--sort", "colour"}), 2);
    check_fails(shmtop(name_space, {"--check", "exact == 1", "--wait", "nan"}), 2);
    check_fails(run({SHMTRACE_PATH, "--live", "--seconds", "nan"}), 2);
    check_fails(run({SHMTOP_PATH, "--namespace", "a.b"}), 2);
    check_fails(run({SHM_AGGREGATOR_PATH, "--namespace", "a/b"}), 2);
    for (const char* mode : {"0440", "0622", "600x", "8"}) check_fails(run({SHM_AGGREGATOR_PATH, "--mode", mode}), 2);
}

TEST_CASE("readers without an aggregator exit with 3") {
    const Namespace name_space;
    check_fails(shmtop(name_space, {"--once"}), 3);
    check_fails(shmtop(name_space, {"--json"}), 3);
    check_fails(run({SHMDUMP_PATH, "--namespace", name_space.name(), "buffers"}), 3);
}

TEST_CASE("of a namespace without a segment there is nothing to list, and nothing to clean") {
    const Namespace name_space;
    const Arguments shmdump{SHMDUMP_PATH, "--namespace", name_space.name()};
    const auto with = [&](const Arguments& more) {
        Arguments all = shmdump;
        all.insert(all.end(), more.begin(), more.end());
        return run(all);
    };
    check_fails(with({"segments"}), 3);
    check_fails(with({"segments", "--json"}), 3);
    CHECK(with({"clean"}).status.exited_with(0));
    const Script program(name_space);
    CHECK(with({"segments"}).status.exited_with(3));  // it has reported nothing yet
}

TEST_CASE("a reader whose segment is cut off under it says so and exits with 1") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Child reader({SHMTOP_PATH, "--namespace", name_space.name(), "--json", "-n", "0", "-r", "10"});
    reader.read_line();
    aggregator.child().signal(SIGSTOP);  // it shares the fate of what it publishes
    const auto segments = name_space.segments("stats");
    REQUIRE(segments.size() == 1);
    fs::resize_file("/dev/shm/" + segments[0], 0);
    CHECK(reader.wait().exited_with(1));
    CHECK(count_lines_with(reader.error_output(), "") == 1);
    CHECK(reader.error_output().find("shmtop: a segment in /dev/shm was cut off") == 0);
    aggregator.child().kill();
}

TEST_CASE("readers of a stopped or killed aggregator exit with 3 instead of showing stale figures") {
    const Namespace name_space;
    const bool killed = GENERATE(true, false);
    Aggregator aggregator(name_space);
    CHECK(shmtop(name_space, {"--json"}).status.exited_with(0));
    if (killed) {
        aggregator.child().kill();
    } else {
        aggregator.terminate();
    }
    check_fails(shmtop(name_space, {"--json"}), 3);
    check_fails(shmtop(name_space, {"--once"}), 3);
}

TEST_CASE("a reader of another layout version exits with 5") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    SegmentFile(name_space, "stats").write_layout(4711);
    for (const CommandResult& result :
         {shmtop(name_space, {"--json"}), run({SHMTRACE_PATH, "--live", "--namespace", name_space.name()})}) {
        check_fails(result, 5);
        CHECK(result.error_output.find("4711") != std::string::npos);
    }
    aggregator.child().kill();
    fs::remove("/dev/shm/" + name_space.segments("ledger").at(0));
    check_fails(run({SHMDUMP_PATH, "--namespace", name_space.name(), "buffers"}), 5);
}

TEST_CASE("counters that are all zeros are not taken for empty ones") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    aggregator.child().stop();
    SegmentFile(name_space, "stats").fill_with_zeros();
    const CommandResult result = shmtop(name_space, {"--json"});
    INFO(result.error_output);
    CHECK_FALSE(result.status.exited_with(0));
    CHECK(is_one_line(result.error_output));
    CHECK(result.output.empty());
}

TEST_CASE("a process of another layout version is left alone, counted as waiting and told of once") {
    const Namespace name_space;
    Script stranger(name_space);
    stranger("alloc 0 100 0 1");
    SegmentFile(name_space, "p").write_layout(4711);
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 7 0 1");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == 7);
    CHECK(snapshot.at("events").at("waiting_processes") == 1);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(process_row(snapshot, program.pid()).at("exact") == true);
    Script another(name_space);
    another("alloc 0 1 0 1");
    another.sync();
    CHECK(count_lines_with(aggregator.child().error_output(), "of another layout version") == 1);
}

TEST_CASE("where an earlier aggregator's state cannot be gone on with, or must not, a process is right from there and not exact") {
    const std::string lost = GENERATE("a ledger of another layout version", "a table of another layout version", "all, by --fresh");
    INFO(lost);
    const Namespace name_space;
    Script program(name_space);
    {
        Aggregator aggregator(name_space);
        program("fill 1 100 1 0 1 10");
        program.sync();
        aggregator.child().kill();
    }
    Arguments flags;
    if (lost.starts_with("a ledger")) SegmentFile(name_space, "ledger").write_layout(4711);
    if (lost.starts_with("a table")) SegmentFile(name_space, "l").write_layout(4711);
    if (lost.starts_with("all")) flags = {"--fresh"};
    Aggregator aggregator(name_space, flags);
    program("alloc 2 7 0 5000");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    const bool has_ledger = lost.starts_with("a table");
    CHECK(snapshot.at("aggregator").at("start_count") == (has_ledger ? 2 : 1));
    CHECK(has_corrected(aggregator.child()) == has_ledger);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(process_row(snapshot, program.pid()).at("exact") == false);
    CHECK(process_row(snapshot, program.pid()).at("live_bytes") == 7);
    CHECK(live_bytes(snapshot) == 7);
    CHECK(imbalance(snapshot) == "");
}

TEST_CASE("a reader that may not open the counters exits with 4") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    SegmentFile(name_space, "stats").set_mode(0600);
    const ChildOptions as_nobody{{}, nobody};
    check_fails(run({SHMTOP_PATH, "--namespace", name_space.name(), "--json"}, as_nobody), 4);
}

TEST_CASE("root's aggregator serves processes of other users and lets them read") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Child program({SCRIPT_PROGRAM_PATH}, {name_space.tracked(), nobody});
    program.read_line();
    program.write_line("alloc 0 100 0 1");
    program.write_line("sync 20000");
    program.read_line();
    CHECK(program.read_line() == "ok 0");
    const CommandResult seen = run({SHMTOP_PATH, "--namespace", name_space.name(), "--json"}, {{}, nobody});
    REQUIRE(seen.status.exited_with(0));
    const json row = process_row(json::parse(seen.output), program.pid());
    REQUIRE(row.is_object());
    CHECK(row.at("uid") == nobody);
    CHECK(row.at("live_bytes") == 100);
    program.kill();
    CHECK(eventually([&] { return live_bytes(shmtop_json(name_space)) == 0; }));
}

TEST_CASE("the check of a reader decides its exit code") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 0 1");
    program.sync();
    CHECK(shmtop(name_space, {"--once", "--check", "unknown_frees == 0"}).status.exited_with(0));
    CHECK(shmtop(name_space, {"--once", "--check", "unknown_frees > 0"}).status.exited_with(10));
    CHECK(shmtop(name_space, {"--once", "--check", "this is no expression ("}).status.exited_with(2));
}

TEST_CASE("the list of buffers has every live buffer of every process") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 3 100 1 77");
    program("alloc 3 200 0 78");
    program("alloc 3 300 0 79");
    program("free 79");
    program.sync();
    const CommandResult result = run({SHMDUMP_PATH, "--namespace", name_space.name(), "buffers"});
    INFO(result.error_output);
    CHECK(result.status.exited_with(0));
    CHECK(result.output.find("0x4d") != std::string::npos);
    const CommandResult document = run({SHMDUMP_PATH, "--namespace", name_space.name(), "buffers", "--json"});
    REQUIRE(document.status.exited_with(0));
    CHECK_NOTHROW(json::parse(document.output));
}

TEST_CASE("cleaning takes nothing from a living process") {
    const Namespace name_space;
    const Arguments clean{SHMDUMP_PATH, "--namespace", name_space.name(), "clean"};
    Script living(name_space);
    living("alloc 0 1 0 1");
    {
        Script dead(name_space);
        dead("alloc 0 1 0 1");
        dead.child().kill();
    }
    CHECK(name_space.segments("p").size() == 2);
    CHECK(run(clean).status.exited_with(0));
    const auto left = name_space.segments("p");
    REQUIRE_FALSE(left.empty());
    CHECK(std::any_of(left.begin(), left.end(), [&](const std::string& segment) {
        return segment.find(".p." + std::to_string(living.pid()) + ".") != std::string::npos;
    }));
    living.finish();
}

TEST_CASE("a program is run with tracking on and its exit code is passed on") {
    const Namespace name_space;
    Child program({SHMRUN_PATH, "--namespace", name_space.name(), "--", SCRIPT_PROGRAM_PATH});
    program.read_line();
    program.write_line("enabled");
    CHECK(program.read_line() == "ok 1");
    program.write_line("return 7");
    CHECK(program.wait().exited_with(7));
}

}  // namespace trackshm::test
