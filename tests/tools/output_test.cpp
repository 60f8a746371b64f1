// SPDX-License-Identifier: Apache-2.0
#include "common/output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
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

TEST_CASE("an ordinary file that a descriptor is open on stays the file it is") {
    const TemporaryDirectory directory;
    const std::string path = directory / "file";
    for (const char* prefix : {"/dev/fd/", "/proc/self/fd/"}) {
        CAPTURE(prefix);
        const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        REQUIRE(fd >= 0);
        const ino_t before = inode_of(path);
        CHECK(write_file(prefix + std::to_string(fd), "new\n") == OutputResult::ok);
        CHECK(read_file(path) == "new\n");
        CHECK(inode_of(path) == before);
        close(fd);
    }
    CHECK(directory.files().size() == 1);
}

}  // namespace
}  // namespace trackshm::tools
