// SPDX-License-Identifier: Apache-2.0
#include "shmrun/launch.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

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

std::string preload_first(const std::string& library, const char* already_preloaded) {
    if (already_preloaded == nullptr || *already_preloaded == '\0') return library;
    return library + ':' + already_preloaded;
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
