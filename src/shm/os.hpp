// SPDX-License-Identifier: Apache-2.0
//
// Facts of the operating system and the CPU, in one place: clocks, identities, memory advice.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace trackshm::shm {

std::uint64_t monotonic_ns() noexcept;  // CLOCK_MONOTONIC: the same for every process of this boot
std::uint64_t unix_ns() noexcept;       // CLOCK_REALTIME

// A digest of /proc/sys/kernel/random/boot_id; 0 if it cannot be read.
std::uint64_t boot_id() noexcept;

// Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); nothing if there is no such process.
std::optional<std::uint64_t> start_ticks(std::int32_t pid) noexcept;
std::uint64_t own_start_ticks() noexcept;

void own_comm(char (&comm)[16]) noexcept;  // NUL-terminated

// 64 unpredictable bits; never 0.
std::uint64_t random_nonce() noexcept;

// Sleeps about that long; a signal may end it early.
void sleep_ns(std::uint64_t duration_ns) noexcept;

// Puts back errno as it was: the hooks promise not to change it.
class KeepErrno {
public:
    KeepErrno() noexcept : saved_(errno) {}
    ~KeepErrno() { errno = saved_; }
    KeepErrno(const KeepErrno&) = delete;
    KeepErrno& operator=(const KeepErrno&) = delete;

private:
    int saved_;
};

// Asks for a line in the cache, to be written. A hint: no fault, no order.
inline void prefetch_for_write(const void* address) noexcept { __builtin_prefetch(address, 1, 3); }

}  // namespace trackshm::shm
