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

// Inode of /proc/self/ns/pid, which names this process's pid namespace; 0 if it cannot be told.
std::uint64_t own_pid_namespace() noexcept;

void own_comm(char (&comm)[16]) noexcept;  // NUL-terminated

// 64 unpredictable bits; never 0.
std::uint64_t random_nonce() noexcept;

// Sleeps about that long; a signal may end it early.
void sleep_ns(std::uint64_t duration_ns) noexcept;
// Waits without giving the CPU away.
void spin_ns(std::uint64_t duration_ns) noexcept;

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
inline void prefetch_for_write(const void* address) noexcept {
#if defined(__x86_64__)
    // By hand: for plain x86-64 the builtin only asks for the line to be read, so that the store still waits to own it;
    // and GCC 12 takes a function that does nothing else for pure and removes its calls. A CPU without the instruction
    // passes over it.
    asm volatile("prefetchw (%0)" : : "r"(address));
#else
    __builtin_prefetch(address, 1, 3);
#endif
}

// Writes a line back to memory and gives it up. For a line that was read here and is written next on another core: that
// core then fetches it, which its prefetchers foresee, instead of asking every holder of a copy to give it up, which none
// does. A hint where it is missing: no order is promised.
inline void flush_line([[maybe_unused]] const void* address) noexcept {
#if defined(__x86_64__)
    __builtin_ia32_clflush(address);
#endif
}

}  // namespace trackshm::shm
