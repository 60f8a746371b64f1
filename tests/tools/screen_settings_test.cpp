// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/settings.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "shmtop/screen/settings_file.hpp"

namespace trackshm::tools {
namespace {

std::string problem_of(const std::string& text) {
    std::string problem;
    CHECK_FALSE(parse_settings(text, problem));
    return problem;
}

// A directory of this test.
class Directory {
public:
    Directory() {
        std::string name = (std::filesystem::temp_directory_path() / "shmtop-settings.XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

TEST_CASE("settings come back from their file as they were") {
    Settings settings;
    settings.refresh_ms = 250;
    settings.unit = ByteUnit::mib;
    settings.warning_percent = 60;
    settings.critical_percent = 80;
    settings.graph = GraphStep::ten_seconds;
    settings.tree = true;
    settings.view = ViewId::exited;
    settings.of(ViewId::devices) = {2, true, 1};
    settings.of(ViewId::sizes) = {1, false, 0};
    std::string problem;
    const auto parsed = parse_settings(settings_text(settings), problem);
    CHECK(problem.empty());
    REQUIRE(parsed);
    CHECK(*parsed == settings);
}

TEST_CASE("blanks, comments and line ends of other systems are no trouble in a settings file") {
    std::string problem;
    const auto parsed = parse_settings("\n  # unit = bytes\r\n\tunit  =  KiB \r\nrefresh_ms=20", problem);
    REQUIRE(parsed);
    CHECK(parsed->unit == ByteUnit::kib);
    CHECK(parsed->refresh_ms == 20);
    CHECK(parse_settings("", problem) == Settings{});
}

TEST_CASE("a bad settings file is told by line") {
    CHECK(problem_of("unit = KiB\nnonsense\n") == "line 2: it is no 'key = value'");
    CHECK(problem_of("colour = red") == "line 1: there is no setting 'colour'");
    CHECK(problem_of("refresh_ms = 9") == "line 1: '9' is no value of refresh_ms");
    CHECK(problem_of("refresh_ms = 1e3") == "line 1: '1e3' is no value of refresh_ms");
    CHECK(problem_of("warning_percent = 101") == "line 1: '101' is no value of warning_percent");
    CHECK(problem_of("warning_percent = 95") == "warning_percent is above critical_percent");
    CHECK(problem_of("sort.devices = comm") == "line 1: 'comm' is no value of sort.devices");
    CHECK(problem_of("sort.nothing = live") == "line 1: there is no setting 'sort.nothing'");
    CHECK(problem_of("view = main") == "line 1: 'main' is no value of view");
    CHECK(problem_of("unit = \x1B[2J").find('\x1B') == std::string::npos);
}

TEST_CASE("whatever stands in a settings file, it is taken as a whole or refused with a line of text") {
    const auto seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    int taken = 0;
    for (int i = 0; i < 2000; ++i) {
        std::string text = settings_text({});
        for (std::size_t changes = random() % 3; changes > 0; --changes) {
            text[random() % text.size()] = static_cast<char>(random() % 256);
        }
        std::string problem;
        const auto settings = parse_settings(text, problem);
        REQUIRE(settings.has_value() == problem.empty());
        REQUIRE(problem.find_first_of("\n\x1B") == std::string::npos);
        if (!settings) continue;
        ++taken;
        std::string none;
        REQUIRE(parse_settings(settings_text(*settings), none) == settings);
    }
    CHECK(taken > 0);
}

TEST_CASE("refresh steps through 1, 2 and 5 and stays within its limits") {
    CHECK(next_refresh_ms(1000, true) == 2000);
    CHECK(next_refresh_ms(2000, true) == 5000);
    CHECK(next_refresh_ms(1000, false) == 500);
    CHECK(next_refresh_ms(750, false) == 500);
    CHECK(next_refresh_ms(750, true) == 1000);
    CHECK(next_refresh_ms(min_refresh_ms, false) == min_refresh_ms);
    CHECK(next_refresh_ms(max_refresh_ms, true) == max_refresh_ms);
}

TEST_CASE("settings are saved into directories that are made for them") {
    const Directory directory;
    const std::string path = directory.file("config/trackshm/shmtoprc");
    std::string problem;
    Settings settings;
    settings.unit = ByteUnit::gib;
    REQUIRE(save_settings(path, settings, problem));
    CHECK(load_settings(path, problem) == settings);
    settings.unit = ByteUnit::bytes;
    REQUIRE(save_settings(path, settings, problem));
    CHECK(load_settings(path, problem) == settings);
    CHECK(problem.empty());
    const auto files = std::filesystem::directory_iterator(directory.file("config/trackshm"));
    CHECK(std::distance(begin(files), end(files)) == 1);  // no temporary file is left
}

TEST_CASE("what cannot be saved is told, and the old file stays") {
    const Directory directory;
    std::ofstream(directory.file("file")) << "x";
    std::string problem;
    CHECK_FALSE(save_settings(directory.file("file/shmtoprc"), {}, problem));
    CHECK(problem.find("cannot save " + directory.file("file/shmtoprc")) == 0);
    CHECK_FALSE(save_settings("", {}, problem));
    CHECK(problem.find("nothing saved") == 0);
}

TEST_CASE("settings that cannot be used are told and replaced by the defaults") {
    const Directory directory;
    const std::string path = directory.file("shmtoprc");
    std::string problem;
    SECTION("none at all is no problem") {
        CHECK(load_settings(path, problem) == Settings{});
        CHECK(load_settings("", problem) == Settings{});
        CHECK(problem.empty());
    }
    SECTION("bad text") {
        std::ofstream(path) << "unit = KiB\nunit = furlongs\n";
        CHECK(load_settings(path, problem) == Settings{});
        CHECK(problem == path + " is not used: line 2: 'furlongs' is no value of unit");
    }
    SECTION("a directory") {
        CHECK(load_settings(directory.file("."), problem) == Settings{});
        CHECK_FALSE(problem.empty());
    }
    SECTION("a pipe that nobody writes into") {
        REQUIRE(mkfifo(path.c_str(), 0600) == 0);
        CHECK(load_settings(path, problem) == Settings{});
        CHECK_FALSE(problem.empty());
    }
    SECTION("a huge file") {
        std::ofstream(path) << std::string(1 << 20, '\n');
        CHECK(load_settings(path, problem) == Settings{});
        CHECK_FALSE(problem.empty());
    }
}

}  // namespace
}  // namespace trackshm::tools
