// SPDX-License-Identifier: Apache-2.0
//
// Recordings of a real aggregator: what is replayed is what was shown, however the recorder ended.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/formats.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"

namespace trackshm::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

CommandResult replay(const std::string& recording, const Arguments& more) {
    Arguments arguments{SHMTOP_PATH, "--replay", recording};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
}

std::vector<json> documents(const CommandResult& result) {
    INFO(result.error_output);
    REQUIRE(result.status.exited_with(0));
    std::vector<json> all;
    std::istringstream lines(result.output);
    for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
    return all;
}

// Three frames with 100, 200 and 300 bytes on device 3.
std::string recording_of_three(const Namespace& name_space, const TemporaryDirectory& directory) {
    const std::string file = directory / "three.trk";
    Aggregator aggregator(name_space);
    Script program(name_space);
    for (int id = 1; id <= 3; ++id) {
        program("alloc 3 100 0 " + std::to_string(id));
        program.sync();
        const CommandResult result = shmtop(name_space, {"--record", file, "-n", "1"});
        INFO(result.error_output);
        REQUIRE(result.status.exited_with(0));
        CHECK(result.output.empty());
    }
    return file;
}

bool is_error(const CommandResult& result, int code, const std::string& text) {
    INFO(result.error_output);
    CHECK(result.output.empty());
    CHECK(std::count(result.error_output.begin(), result.error_output.end(), '\n') == 1);
    return result.status.exited_with(code) && result.error_output.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a recording is replayed in every format, the last frames or all of them") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = recording_of_three(name_space, directory);

    const auto all = documents(replay(file, {"--json", "-n", "0"}));
    REQUIRE(all.size() == 3);
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(live_bytes(all[i]) == 100 * (i + 1));
        CHECK(all[i].at("namespace") == name_space.name());
        CHECK(imbalance(all[i]) == "");
    }
    REQUIRE_PARSED(ignored, "json", replay(file, {"--json", "-n", "0"}).output, {SNAPSHOT_SCHEMA_PATH});
    const auto last = documents(replay(file, {"--json"}));
    CHECK(last == std::vector<json>{all[2]});
    CHECK(documents(replay(file, {"--json", "-n", "2"})) == std::vector<json>{all[1], all[2]});

    CHECK(replay(file, {"--csv=noheader", "--query", "live_bytes", "-n", "0"}).output == "100\n200\n300\n");
    CHECK(replay(file, {"--csv=noheader", "--query", "device", "-d", "4"}).output.empty());
    CHECK(replay(file, {"-1"}).output.find("300 B") != std::string::npos);
    CHECK(replay(file, {"--format", "prom"}).output.find("trackshm_live_bytes{device=\"3\",buffer_type=\"DRAM\"} 300") !=
          std::string::npos);
}

TEST_CASE("all frames of a recording go into a file, too") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = directory / "r.trk";
    const Aggregator aggregator(name_space);
    REQUIRE(shmtop(name_space, {"--record", file, "-n", "5", "-r", "10"}).status.exited_with(0));
    const std::string out = directory / "all.json";
    REQUIRE(replay(file, {"--json", "-n", "0", "-o", out}).status.exited_with(0));
    CHECK(read_file(out) == replay(file, {"--json", "-n", "0"}).output);
    CHECK(count_lines_with(read_file(out), "schema") == 5);
    // Also those before a check fails.
    CHECK(replay(file, {"--json", "-n", "0", "-o", out, "--check", "processes == 7"}).status.exited_with(10));
    CHECK(count_lines_with(read_file(out), "schema") == 1);
}

TEST_CASE("a check of a recording is about its last frame, or with -n 0 about every one") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = recording_of_three(name_space, directory);
    CHECK(replay(file, {"--check", "live_bytes == 300"}).status.exited_with(0));
    CHECK(replay(file, {"--check", "live_bytes == 100"}).status.exited_with(10));
    CHECK(replay(file, {"--check", "live_bytes <= 300", "-n", "0"}).status.exited_with(0));
    CHECK(is_error(replay(file, {"--check", "live_bytes != 200", "-n", "0"}), 10, "live_bytes is 200"));
}

TEST_CASE("a recorder that is killed at any moment leaves a recording that is read and continued") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = directory / "killed.trk";
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 3 100 0 1");
    program.sync();
    std::size_t frames = 0;
    for (int round = 0; round < 6; ++round) {
        Child recorder({SHMTOP_PATH, "--namespace", name_space.name(), "--record", file, "-r", "10"});
        std::uintmax_t before = fs::exists(file) ? fs::file_size(file) : 0;
        REQUIRE(eventually([&] { return fs::exists(file) && fs::file_size(file) > before + 200; }));
        round % 2 == 0 ? recorder.kill() : recorder.signal(SIGINT);
        const ExitStatus status = recorder.wait();
        CHECK(status.killed_by(round % 2 == 0 ? SIGKILL : SIGINT));
        const auto all = documents(replay(file, {"--json", "-n", "0"}));
        CHECK(all.size() > frames);
        frames = all.size();
        for (const json& document : all) CHECK(live_bytes(document) == 100);
    }
}

TEST_CASE("a recording without a number of frames goes on across aggregators, one of so many frames does not") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = directory / "long.trk";
    Script program(name_space);
    std::optional<Aggregator> aggregator(name_space);
    program("alloc 3 100 0 1");
    program.sync();
    const Arguments record{SHMTOP_PATH, "--namespace", name_space.name(), "-r", "10", "--record"};
    const auto recorder = [&](Arguments more) {
        more.insert(more.begin(), record.begin(), record.end());
        return Child(more);
    };
    Child endless = recorder({file});
    Child counted = recorder({directory / "short.trk", "-n", "1000000"});
    const auto is_recording = [](const std::string& path) {
        const std::uintmax_t before = fs::exists(path) ? fs::file_size(path) : 0;
        return eventually([&] { return fs::exists(path) && fs::file_size(path) > before + 200; });
    };
    REQUIRE(is_recording(file));
    REQUIRE(is_recording(directory / "short.trk"));
    aggregator->child().kill();
    CHECK(counted.wait().exited_with(3));
    CHECK_NOTHROW(endless.read_error_line_with("the recording goes on when there is one"));
    aggregator.emplace(name_space);
    REQUIRE(is_recording(file));
    endless.signal(SIGINT);
    CHECK(endless.wait().killed_by(SIGINT));
    CHECK(count_lines_with(endless.error_output(), "") == 1);
    const std::vector<json> all = documents(replay(file, {"--json", "-n", "0"}));
    CHECK(all.front()["aggregator"]["start_count"] == 1);
    CHECK(all.back()["aggregator"]["start_count"] == 2);
    for (const json& document : all) CHECK(live_bytes(document) == 100);
}

TEST_CASE("a cut recording is replayed to its last whole frame, with one line about it, and continued there") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = recording_of_three(name_space, directory);
    fs::resize_file(file, fs::file_size(file) - 1);
    const CommandResult cut = replay(file, {"--csv=noheader", "--query", "live_bytes", "-n", "0"});
    CHECK(cut.status.exited_with(0));
    CHECK(cut.output == "100\n200\n");
    CHECK(cut.error_output.find("cut or damaged after frame 2") != std::string::npos);
    CHECK(std::count(cut.error_output.begin(), cut.error_output.end(), '\n') == 1);

    Aggregator aggregator(name_space);
    CHECK(shmtop(name_space, {"--record", file, "-n", "2", "-r", "10"}).status.exited_with(0));
    const CommandResult continued = replay(file, {"--csv=noheader", "--query", "live_bytes", "-n", "0"});
    CHECK(continued.output == "100\n200\n0\n0\n");
    CHECK(continued.error_output.empty());
}

TEST_CASE("what cannot be replayed or recorded is told with the documented exit code") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = recording_of_three(name_space, directory);
    Aggregator aggregator(name_space);
    CHECK(is_error(replay(directory / "missing", {"--json"}), 1, "missing: No such file"));
    write_file(directory / "text", "no recording at all");
    CHECK(is_error(replay(directory / "text", {"--json"}), 1, "is no recording"));
    CHECK(is_error(shmtop(name_space, {"--record", directory / "text"}), 1, "is no recording"));
    CHECK(read_file(directory / "text") == "no recording at all");
    CHECK(is_error(shmtop(name_space, {"--record", "/dev/full", "-n", "1"}), 1, "/dev/full"));
    CHECK(is_error(shmtop(name_space, {"--record", directory / "no/such", "-n", "1"}), 1, "No such file"));
    CHECK(is_error(replay(file, {"--record", directory / "r"}), 2, "exclude each other"));
    CHECK(is_error(replay(file, {"--check", "exact == 1", "--wait", "1"}), 2, "exclude each other"));

    std::string other_version = read_file(file);
    other_version[8] = 99;
    write_file(directory / "other", other_version);
    CHECK(is_error(replay(directory / "other", {"--json"}), 5, "version 99"));
    CHECK(is_error(shmtop(name_space, {"--record", directory / "other"}), 5, "version 99"));
}

TEST_CASE("a recording stops with its last whole frame when the disk is full") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = directory / "r.trk";
    Aggregator aggregator(name_space);
    const std::string line = "(ulimit -f 1; " + in_shell(SHMTOP_PATH) + " --namespace " + name_space.name() +
                             " --record " + file + " -r 10) 2>&1 | cat >&2; exit ${PIPESTATUS[0]}";
    CHECK(is_error(run({"/bin/bash", "-c", line}), 1, "cannot record to " + file));
    const CommandResult result = replay(file, {"--json", "-n", "0"});
    CHECK(documents(result).size() > 1);
    CHECK(result.error_output.empty());
}

TEST_CASE("frames can be shown and recorded at once, and a recording knows no filters") {
    const Namespace name_space;
    const TemporaryDirectory directory;
    const std::string file = directory / "r.trk";
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 3 100 0 1");
    program("alloc 4 11 0 1");
    program.sync();
    const CommandResult shown = shmtop(name_space, {"--json", "-d", "4", "--record", file});
    CHECK(live_bytes(documents(shown).at(0)) == 11);
    CHECK(live_bytes(documents(replay(file, {"--json"})).at(0)) == 111);
    CHECK(replay(file, {"--json", "-d", "4"}).output == shown.output);
}

}  // namespace trackshm::test
