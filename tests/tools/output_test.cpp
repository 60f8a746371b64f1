// SPDX-License-Identifier: Apache-2.0
#include "common/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <future>
#include <string>

#include "support/temporary_directory.hpp"

namespace trackshm::tools {
namespace {

using test::read_file;
using test::TemporaryDirectory;

constexpr const char* longer = "something longer than what comes\n";

ino_t inode_of(const std::string& path) {
    struct stat info {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    return info.st_ino;
}

TEST_CASE("an ordinary file below /dev is replaced like any other") {
    // Shared memory is where a file below /dev may be made.
    const std::string path = "/dev/shm/trackshm-output-test-" + std::to_string(getpid());
    test::write_file(path, longer);
    const ino_t before = inode_of(path);
    CHECK(write_file(path, "new\n") == OutputResult::ok);
    CHECK(read_file(path) == "new\n");
    CHECK(inode_of(path) != before);
    std::filesystem::remove(path);
}

TEST_CASE("an ordinary file that a descriptor is open on is written on where that stands") {
    const TemporaryDirectory directory;
    const std::string path = directory / "file";
    for (const char* prefix : {"/dev/fd/", "/proc/self/fd/"}) {
        CAPTURE(prefix);
        const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        REQUIRE(fd >= 0);
        REQUIRE(write(fd, "before\n", 7) == 7);
        const ino_t before = inode_of(path);
        CHECK(write_file(prefix + std::to_string(fd), "text\n") == OutputResult::ok);
        REQUIRE(write(fd, "after\n", 6) == 6);
        CHECK(read_file(path) == "before\ntext\nafter\n");
        CHECK(inode_of(path) == before);
        close(fd);
    }
    CHECK(directory.files().size() == 1);
}

TEST_CASE("texts take the place of each other in an ordinary file, and follow each other elsewhere") {
    const TemporaryDirectory directory;
    Output replaced(directory / "file");
    CHECK(replaced.is_replaced());
    CHECK(replaced.write("first, and longer\n") == OutputResult::ok);
    CHECK(replaced.write("second\n") == OutputResult::ok);
    CHECK(read_file(directory / "file") == "second\n");

    const std::string pipe = directory / "pipe";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    Output followed(pipe);
    CHECK_FALSE(followed.is_replaced());
    CHECK(followed.write("first\n") == OutputResult::ok);
    CHECK(followed.write("second\n") == OutputResult::ok);
    std::array<char, 64> text{};
    CHECK(read(reader, text.data(), text.size()) == 13);
    CHECK(std::string(text.data()) == "first\nsecond\n");
    close(reader);
}

TEST_CASE("a full pipe that does not block is waited for") {
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
    const std::string text(1'000'000, 'x');  // far more than a pipe has room for
    auto written = std::async(std::launch::async, [&] {
        const OutputResult result = write_file("/dev/fd/" + std::to_string(ends[1]), text);
        close(ends[1]);
        return result;
    });
    std::string seen;
    std::array<char, 65536> part{};
    while (true) {
        pollfd wanted{ends[0], POLLIN, 0};
        REQUIRE(poll(&wanted, 1, -1) == 1);
        const ssize_t size = read(ends[0], part.data(), part.size());
        if (size == 0) break;
        REQUIRE(size > 0);
        seen.append(part.data(), static_cast<std::size_t>(size));
    }
    CHECK(written.get() == OutputResult::ok);
    CHECK(seen == text);
    close(ends[0]);
}

}  // namespace
}  // namespace trackshm::tools
