// SPDX-License-Identifier: Apache-2.0
#include "shmrun/launch.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>

#include "shm/names.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* malloc_hooks_name = "libtrackshm_malloc.so";

constexpr std::uint64_t segment_bytes = shm::process_segment_bytes(shm::default_slots_per_lane);

// Limits are handed on to the program. What it takes for itself is not known, so only what is short already is told of.
std::optional<std::string> limit_in_the_way() {
    rlimit file_size{};
    if (getrlimit(RLIMIT_FSIZE, &file_size) == 0 && file_size.rlim_cur < segment_bytes) {
        return fmt::format("files may not become larger than {} KiB, and it takes one of {}: raise the limit (ulimit -f)",
                           file_size.rlim_cur / 1024, segment_bytes / 1024);
    }
    void* const mapped = mmap(nullptr, segment_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return fmt::format("{} KiB of address space are not to be had: raise the limit (ulimit -v)", segment_bytes / 1024);
    }
    munmap(mapped, segment_bytes);
    return std::nullopt;
}

std::optional<std::string> what_the_directory_lacks() {
    const std::string directory(shm::shm_directory);
    struct statvfs room {};
    if (access(directory.c_str(), W_OK) != 0 || statvfs(directory.c_str(), &room) != 0) {
        return fmt::format("{} cannot be written to: {}", directory, std::strerror(errno));
    }
    const bool counts_files = room.f_files != 0;
    if (counts_files && room.f_favail == 0) {
        return fmt::format("{} may hold no more files: allow more (mount -o remount,nr_inodes=0 {})", directory, directory);
    }
    // The segment's header, the shared ring and one thread's.
    constexpr std::uint64_t needed_bytes = shm::slots_offset + 2 * shm::default_slots_per_lane * sizeof(shm::Slot);
    const std::uint64_t free_bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
    if (free_bytes >= needed_bytes) return std::nullopt;
    return fmt::format("{} has {} KiB left of the {} it takes: enlarge it (mount -o remount,size=1G {}, docker run "
                       "--shm-size 1g)", directory, free_bytes / 1024, needed_bytes / 1024, directory);
}

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
    std::optional<std::string> reason = limit_in_the_way();
    return reason ? reason : what_the_directory_lacks();
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
