// SPDX-License-Identifier: Apache-2.0
//
// Whether a process maps a file: what is left to tell by when it no longer holds a lock on it.
#pragma once

#include <cstdint>

namespace trackshm::shm {

enum class Maps {
    yes,
    no,           // but others: it lives
    nothing,      // it has ended, or is about to; or there is none
    cannot_tell,  // /proc/PID/maps may not be read, or there is no memory to read it
};

// By /proc/PID/maps, or where the first thread has ended by that of the others. Takes time with the number of mappings.
Maps maps_file(std::int32_t pid, std::uint64_t device, std::uint64_t inode) noexcept;

// Some process that maps it, as this pid namespace numbers it; 0 if none is seen. Looks at every process.
std::int32_t find_mapper(std::uint64_t device, std::uint64_t inode) noexcept;

}  // namespace trackshm::shm
