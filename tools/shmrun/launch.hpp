// SPDX-License-Identifier: Apache-2.0
//
// What shmrun prepares for a program, and starting it in its own place.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace trackshm::tools {

// As env(1) and nohup(1) have it; everything else is the program's own exit status.
inline constexpr int exit_cannot_start = 126;
inline constexpr int exit_program_not_found = 127;

// libtrackshm_malloc.so: beside this executable in a build tree, else in the library directory of its installation.
std::optional<std::string> find_malloc_hooks();

// LD_PRELOAD is a list: no name in it can hold what separates names, ld.so(8).
bool can_be_preloaded(const std::string& library);

// The value LD_PRELOAD gets: `library` first, then what was there.
std::string preload_first(const std::string& library, const char* already_preloaded);

// Why a program started now could not make its segment in /dev/shm; nothing if it can.
std::optional<std::string> why_not_tracked();

// Replaces this process by the program. Returns only if that fails, with an errno value.
int replace_by(const std::vector<std::string>& program);

}  // namespace trackshm::tools
