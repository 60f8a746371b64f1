// SPDX-License-Identifier: Apache-2.0
#include "shm/file_mapping.hpp"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace trackshm::shm {
namespace {

namespace fs = std::filesystem;

bool is_of(const std::string& line, std::uint64_t device, std::uint64_t inode) {
    unsigned major_number = 0;
    unsigned minor_number = 0;
    unsigned long long number = 0;
    return std::sscanf(line.c_str(), "%*s %*s %*s %x:%x %llu", &major_number, &minor_number, &number) == 3 &&
           number == inode && makedev(major_number, minor_number) == device;
}

// Nothing if the list is empty, as that of a thread that has ended.
std::optional<Maps> look_into(const fs::path& list, std::uint64_t device, std::uint64_t inode) {
    errno = 0;
    std::ifstream maps(list);
    if (!maps.is_open()) return errno == ENOENT || errno == ESRCH ? Maps::nothing : Maps::cannot_tell;
    bool is_empty = true;
    for (std::string line; std::getline(maps, line); is_empty = false) {
        if (is_of(line, device, inode)) return Maps::yes;
    }
    return is_empty ? std::nullopt : std::optional{Maps::no};
}

}  // namespace

Maps maps_file(std::int32_t pid, std::uint64_t device, std::uint64_t inode) noexcept {
    try {
        const fs::path process = "/proc/" + std::to_string(pid);
        if (const auto found = look_into(process / "maps", device, inode)) return *found;
        std::error_code error;
        for (const auto& thread : fs::directory_iterator(process / "task", error)) {
            const auto found = look_into(thread.path() / "maps", device, inode);
            if (found && *found != Maps::nothing) return *found;
        }
        return Maps::nothing;
    } catch (...) {
        return Maps::cannot_tell;
    }
}

std::int32_t find_mapper(std::uint64_t device, std::uint64_t inode) noexcept {
    try {
        std::error_code error;
        for (const auto& process : fs::directory_iterator("/proc", error)) {
            const std::string name = process.path().filename();
            std::int32_t pid = 0;
            const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
            const bool is_process = parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size();
            if (is_process && pid != getpid() && maps_file(pid, device, inode) == Maps::yes) return pid;
        }
    } catch (...) {  // no memory to look
    }
    return 0;
}

}  // namespace trackshm::shm
