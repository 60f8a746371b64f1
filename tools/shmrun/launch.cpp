// SPDX-License-Identifier: Apache-2.0
#include "shmrun/launch.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "shm/names.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* malloc_hooks_name = "libtrackshm_malloc.so";

}  // namespace

std::optional<std::string> find_malloc_hooks() {
    std::error_code error;
    const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return std::nullopt;
    const std::filesystem::path directory = executable.parent_path();
    for (const std::filesystem::path& candidate :
         {directory / malloc_hooks_name, (directory / TRACKSHM_BIN_TO_LIB / malloc_hooks_name).lexically_normal()}) {
        if (std::filesystem::is_regular_file(candidate, error)) return candidate.string();
    }
    return std::nullopt;
}

bool can_be_preloaded(const std::string& library) { return library.find_first_of(" :") == std::string::npos; }

std::string preload_first(const std::string& library, const char* already_preloaded) {
    if (already_preloaded == nullptr || *already_preloaded == '\0') return library;
    return library + ':' + already_preloaded;
}

std::optional<std::string> why_not_tracked() {
    const std::string directory(shm::shm_directory);
    struct statvfs room {};
    if (access(directory.c_str(), W_OK) != 0 || statvfs(directory.c_str(), &room) != 0) {
        return fmt::format("{} cannot be written to: {}", directory, std::strerror(errno));
    }
    // The segment's header, the shared ring and one thread's.
    constexpr std::uint64_t needed_bytes = shm::slots_offset + 2 * shm::default_slots_per_lane * sizeof(shm::Slot);
    rlimit size{};
    if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur < shm::process_segment_bytes(shm::default_slots_per_lane)) {
        return fmt::format("files may not become larger than {} KiB, and it takes one of {}: raise the limit (ulimit -f)",
                           size.rlim_cur / 1024, shm::process_segment_bytes(shm::default_slots_per_lane) / 1024);
    }
    const std::uint64_t free_bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
    if (free_bytes >= needed_bytes) return std::nullopt;
    return fmt::format("{} has {} KiB left of the {} it takes: enlarge it (mount -o remount,size=1G {}, docker run "
                       "--shm-size 1g)", directory, free_bytes / 1024, needed_bytes / 1024, directory);
}

int replace_by(const std::vector<std::string>& program) {
    std::vector<char*> arguments;
    arguments.reserve(program.size() + 1);
    for (const std::string& argument : program) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    return errno;
}

}  // namespace trackshm::tools
