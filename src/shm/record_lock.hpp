// SPDX-License-Identifier: Apache-2.0
//
// Locks on bytes of a segment's file. The kernel drops them when their owner dies, however it dies.
//
//   byte 0 of a process segment   liveness: held by the tracked process as a POSIX record lock. Not inherited by fork,
//                                 dropped by exec, and F_GETLK names its holder in the caller's own pid namespace.
//   byte 1 of a process segment   claim: held by the one aggregator that drains it, as an open-file-description lock
//   byte 0 of a stats segment     held by the aggregator that serves the namespace for that user
#pragma once

#include <cstdint>
#include <optional>

namespace trackshm::shm {

inline constexpr std::int64_t liveness_byte = 0;
inline constexpr std::int64_t claim_byte = 1;
inline constexpr std::int64_t aggregator_byte = 0;

// Both need a descriptor open for writing. False if somebody else holds the byte.
bool lock_as_process(int fd, std::int64_t byte) noexcept;      // POSIX record lock
bool lock_as_description(int fd, std::int64_t byte) noexcept;  // open-file-description lock

struct LockHolder {
    std::int32_t pid;  // 0 or less: not visible from this pid namespace, or a description lock
};
// Who (other than this process, for POSIX locks) holds the byte; nothing if it is free.
std::optional<LockHolder> lock_holder(int fd, std::int64_t byte) noexcept;

}  // namespace trackshm::shm
