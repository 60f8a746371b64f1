// SPDX-License-Identifier: Apache-2.0
//
// What scripts rely on besides the formats: waiting for a condition, files that are never half-written, and how it ends.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <string>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/formats.hpp"
#include "support/script.hpp"

namespace trackshm::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

Arguments shmtop_arguments(const Namespace& name_space, const Arguments& more) {
    Arguments arguments{SHMTOP_PATH, "--namespace", name_space.name()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

std::string in_shell(const Namespace& name_space, const std::string& more) {
    return test::in_shell(SHMTOP_PATH) + " --namespace " + name_space.name() + " " + more;
}

bool is_document(const std::string& text) {
    return !text.empty() && text.back() == '\n' && json::accept(text) && json::parse(text).contains("exited");
}

}  // namespace

TEST_CASE("waiting for a check lasts until it holds") {
    const Namespace name_space;
    Child waiting(shmtop_arguments(name_space, {"--check", "live_bytes == 100", "--wait", "60", "--json"}));
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 50 0 1");
    program.sync();
    CHECK(live_bytes(shmtop_json(name_space)) == 50);
    CHECK_FALSE(waiting.has_ended());
    program("alloc 1 50 0 1");
    CHECK(waiting.wait().exited_with(0));
    REQUIRE(is_document(waiting.output()));
    CHECK(live_bytes(json::parse(waiting.output())) == 100);
}

TEST_CASE("a wait goes on across a restart of the aggregator") {
    const Namespace name_space;
    Script program(name_space);
    program("alloc 0 50 0 1");
    Child waiting(shmtop_arguments(name_space, {"--check", "live_bytes == 100", "--wait", "60"}));
    {
        Aggregator aggregator(name_space);
        program.sync();
        aggregator.child().kill();
    }
    program("alloc 1 50 0 1");
    CHECK_FALSE(waiting.has_ended());
    Aggregator successor(name_space);
    CHECK(waiting.wait().exited_with(0));
}

TEST_CASE("a wait that ends in vain says which value broke the check") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const CommandResult result = shmtop(name_space, {"--check", "processes == 7", "--wait", "0.05"});
    CHECK(result.status.exited_with(10));
    CHECK(result.error_output == "shmtop: check failed: processes == 7 (processes is 0)\n");
}

TEST_CASE("a wait with nobody to ask exits as a reader without an aggregator") {
    const Namespace name_space;
    const CommandResult result = shmtop(name_space, {"--check", "processes == 0", "--wait", "0.05"});
    CHECK(result.status.exited_with(3));
    CHECK(std::count(result.error_output.begin(), result.error_output.end(), '\n') == 1);
}

TEST_CASE("a check of figures that nobody renews fails, and says how old they are") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    CHECK(shmtop(name_space, {"--check", "processes == 0"}).status.exited_with(0));
    aggregator.child().signal(SIGSTOP);
    CommandResult result;
    CHECK(eventually([&] {
        result = shmtop(name_space, {"--check", "processes == 0"});
        return result.status.exited_with(10);
    }));
    CHECK(result.error_output.find("has not moved for") != std::string::npos);
    CHECK(shmtop(name_space, {"--check", "processes == 0", "--wait", "0.1"}).status.exited_with(10));
    aggregator.child().signal(SIGCONT);
    CHECK(shmtop(name_space, {"--check", "processes == 0", "--wait", "20"}).status.exited_with(0));
}

TEST_CASE("metrics that are written over and over tell that an aggregator is gone, and of the next one") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = directory / "trackshm.prom";
    const auto is_up = [&](const std::string& value) {
        return eventually([&] { return fs::exists(file) && read_file(file).find("trackshm_up " + value) != std::string::npos; });
    };
    Child writing(shmtop_arguments(name_space, {"--format", "prom", "-n", "0", "-r", "20", "-o", file}));
    CHECK(is_up("0"));
    for (int round = 0; round < 2; ++round) {
        Aggregator aggregator(name_space);
        CHECK(is_up("1"));
        aggregator.child().kill();
        CHECK(is_up("0"));
        CHECK(read_file(file).find("trackshm_live_bytes") == std::string::npos);
    }
}

TEST_CASE("metrics that nobody reads any more end, also while there is no aggregator") {
    const Namespace name_space;
    const CommandResult result = run({"bash", "-c", in_shell(name_space, "--format prom -n 0 -r 10 | head -n 1; "
                                                                         "exit ${PIPESTATUS[0]}")});
    CHECK(result.status.exited_with(0));
    CHECK(result.output.starts_with("# HELP trackshm_up"));
    CHECK(result.error_output.empty());
}

TEST_CASE("a check can be about each device and each process") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("memory 3 0 1000");
    program("alloc 3 950 0 1");
    program.sync();
    const CommandResult result = shmtop(name_space, {"--check", "device[*].dram.used_ratio<0.9"});
    CHECK(result.status.exited_with(10));
    CHECK(result.error_output.find("device[3].DRAM.used_ratio is 0.95") != std::string::npos);
    CHECK(shmtop(name_space, {"--check", "process[*].live_buffers == 1"}).status.exited_with(0));
    CHECK(shmtop(name_space, {"--check", "leaked_bytes==0"}).status.exited_with(0));
    program.finish();
    REQUIRE(eventually([&] { return shmtop_json(name_space).at("exited").size() == 1; }));
    CHECK(shmtop(name_space, {"--check", "leaked_bytes==0"}).error_output.find("leaked_bytes is 950") !=
          std::string::npos);
    CHECK(shmtop(name_space, {"--check", "process[*].live_buffers == 1"}).status.exited_with(0));
}

TEST_CASE("a check sees every process, however few are shown, and may write a frame") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 1 50 0 1");
    program.sync();
    const TemporaryDirectory directory;
    const std::string file = directory / "frame";
    const CommandResult result = shmtop(name_space, {"--check", "processes == 1 && exact", "--top", "0", "-o", file});
    CHECK(result.status.exited_with(0));
    CHECK(result.output.empty());
    CHECK(read_file(file).find("trackshm") != std::string::npos);
}

TEST_CASE("a file that is rewritten all the time is never seen in part") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const TemporaryDirectory directory;
    const std::string file = directory / "snapshot.json";
    Child writing(shmtop_arguments(name_space, {"--json", "-n", "0", "-r", "10", "-o", file}));
    REQUIRE(eventually([&] { return fs::exists(file); }));
    std::string first = read_file(file);
    std::string last = first;
    REQUIRE(eventually([&] {
        last = read_file(file);
        CHECK(is_document(last));
        return json::parse(last).at("time_unix_ns").get<std::uint64_t>() >
               json::parse(first).at("time_unix_ns").get<std::uint64_t>() + 300'000'000;
    }));
    writing.signal(SIGTERM);
    CHECK(writing.wait().killed_by(SIGTERM));
    CHECK(is_document(read_file(file)));
    CHECK(directory.files() == std::vector<std::string>{"snapshot.json"});
}

TEST_CASE("an output file keeps its mode, and a new one has that of any file") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const TemporaryDirectory directory;
    const auto write = [&](const std::string& file) {
        REQUIRE(run({"/bin/sh", "-c", "umask 027; " + in_shell(name_space, "--json -o " + file)}).status.exited_with(0));
        struct stat info {};
        REQUIRE(stat(file.c_str(), &info) == 0);
        CHECK(is_document(read_file(file)));
        return info.st_mode & 0777;
    };
    CHECK(write(directory / "new") == 0640);
    write_file(directory / "old", "something longer than nothing");
    fs::permissions(directory / "old", fs::perms(0604));
    CHECK(write(directory / "old") == 0604);
}

TEST_CASE("an output file may be a link, a pipe or the standard output") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const TemporaryDirectory directory;
    SECTION("a link still leads to the file") {
        write_file(directory / "target", "old");
        fs::create_symlink("target", directory / "link");
        fs::create_symlink("missing", directory / "dangling");
        for (const char* link : {"link", "dangling"}) {
            CHECK(shmtop(name_space, {"--json", "-o", directory / link}).status.exited_with(0));
            CHECK(fs::is_symlink(directory / link));
            CHECK(is_document(read_file(directory / link)));
        }
        CHECK(directory.files().size() == 4);
    }
    SECTION("a pipe is written to") {
        REQUIRE(mkfifo((directory / "pipe").c_str(), 0600) == 0);
        Child reading({"/bin/cat", directory / "pipe"});
        CHECK(shmtop(name_space, {"--json", "-o", directory / "pipe"}).status.exited_with(0));
        CHECK(reading.wait().exited_with(0));
        CHECK(is_document(reading.output()));
        CHECK(fs::is_fifo(directory / "pipe"));
    }
    SECTION("a pipe gets each frame once, and its reader one end") {
        for (const char* frames : {"--csv=noheader --query processes", "--format prom"}) {
            const std::string pipe = directory / "pipe";
            fs::remove(pipe);
            REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
            Child reading({"/bin/cat", pipe});
            const std::string line = in_shell(name_space, frames) + " -n 3 -r 10 -o " + pipe;
            CHECK(run({"/bin/sh", "-c", line}).status.exited_with(0));
            CHECK(reading.wait().exited_with(0));
            const bool is_csv = std::string(frames).starts_with("--csv");
            CHECK(count_lines_with(reading.output(), is_csv ? "0" : "trackshm_up 1") == 3);
        }
    }
    SECTION("a descriptor gets each frame once, whatever it is open on") {
        for (const char* redirection : {"-o /dev/stderr", "-o /dev/fd/3 3>&2", "-o /proc/self/fd/2"}) {
            const std::string file = directory / "redirected";
            const std::string frames = in_shell(name_space, "--csv --query processes -n 3 -r 10 ") + redirection;
            for (const char* destination : {" 2>&1 >/dev/null | cat > ", " 2> "}) {
                const std::string line = "{ " + frames + "; }" + destination + file;
                CAPTURE(line);
                REQUIRE(run({"/bin/sh", "-c", line}).status.exited_with(0));
                CHECK(read_file(file) == "processes\n0\n0\n0\n");
            }
        }
    }
    SECTION("the standard output goes on where it is") {
        for (const char* name : {"-", "/dev/stdout", "/dev/fd/1"}) {
            const std::string file = directory / "redirected";
            const std::string line = "{ echo before; " + in_shell(name_space, "--json -n 2 -r 10 -o ") + name +
                                     "; echo after; } > " + file;
            REQUIRE(run({"/bin/sh", "-c", line}).status.exited_with(0));
            const std::string text = read_file(file);
            CAPTURE(name, text);
            CHECK(text.starts_with("before\n{"));
            CHECK(text.ends_with("}\nafter\n"));
            CHECK(std::count(text.begin(), text.end(), '\n') == 4);
        }
    }
}

TEST_CASE("an output that cannot be written is one line, and nothing is left of the attempt") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const TemporaryDirectory directory;
    write_file(directory / "old", "old");
    const auto check_fails = [&](const CommandResult& result, const std::string& name) {
        CHECK(result.status.exited_with(1));
        CHECK(result.error_output.find("shmtop: cannot write to " + name) == 0);
        CHECK(std::count(result.error_output.begin(), result.error_output.end(), '\n') == 1);
        CHECK(directory.files() == std::vector<std::string>{"old"});
    };
    check_fails(shmtop(name_space, {"--json", "-o", directory / "missing/file"}), directory / "missing/file");
    check_fails(shmtop(name_space, {"--json", "-o", directory / ""}), directory / "");
    check_fails(shmtop(name_space, {"--json", "-o", "/dev/full"}), "/dev/full");
    check_fails(run({"/bin/sh", "-c", in_shell(name_space, "--json > /dev/full")}), "stdout");
    const std::string limited = "(ulimit -f 0; " + in_shell(name_space, "--json -o ") + (directory / "old") + ")";
    check_fails(run({"/bin/bash", "-c", limited + " 2>&1 | cat >&2; exit ${PIPESTATUS[0]}"}), directory / "old");
    CHECK(read_file(directory / "old") == "old");
}

TEST_CASE("a reader that goes away is no error") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 1 0 1");
    program.sync();
    for (const char* format : {"--json", "--csv", "--format prom", "-b"}) {
        CAPTURE(format);
        const std::string line = in_shell(name_space, format) + " -n 0 -r 10 | head -n 1 >&2; exit ${PIPESTATUS[0]}";
        const CommandResult result = run({"/bin/bash", "-c", line});
        CHECK(result.status.exited_with(0));
        CHECK(result.error_output.find("shmtop:") == std::string::npos);
    }
    program("fill 1 100000 0 0 10 1");
    program.sync();
    const std::string of_namespace = " --namespace " + name_space.name();
    for (const std::string& other : {test::in_shell(SHMDUMP_PATH) + of_namespace + " buffers",
                                     test::in_shell(SHMDUMP_PATH) + of_namespace + " buffers --json",
                                     test::in_shell(SHMDUMP_PATH) + of_namespace + " segments",
                                     test::in_shell(SHMTRACE_PATH) + of_namespace + " --live --format pprof"}) {
        CAPTURE(other);
        // Begins when the reader is gone, so that nobody reads what it writes, however little it is.
        const std::string line = "{ (trap '' PIPE; while echo; do :; done) 2>/dev/null; exec " + other +
                                 "; } | true; exit ${PIPESTATUS[0]}";
        const CommandResult result = run({"/bin/bash", "-c", line});
        CHECK(result.status.exited_with(0));
        CHECK(result.error_output.empty());
    }
}

TEST_CASE("an interrupted run dies of the signal, as a shell expects of it") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Child endless(shmtop_arguments(name_space, {"--json", "-n", "0", "-r", "10"}));
    endless.read_line();
    endless.signal(SIGINT);
    CHECK(endless.wait().killed_by(SIGINT));
    Child waiting(shmtop_arguments(name_space, {"--check", "processes == 7", "--wait", "60"}));
    REQUIRE(eventually([&] { return read_file("/proc/" + std::to_string(waiting.pid()) + "/comm") == "shmtop\n"; }));
    waiting.signal(SIGINT);
    CHECK(waiting.wait().killed_by(SIGINT));
}

TEST_CASE("an error that cannot be printed is still told by the exit code") {
    const Namespace name_space;
    CHECK(run({"/bin/sh", "-c", in_shell(name_space, "--json 2>/dev/full")}).status.exited_with(3));
    CHECK(run({"/bin/sh", "-c", in_shell(name_space, "--no-such-flag 2>&-")}).status.exited_with(2));
}

}  // namespace trackshm::test
