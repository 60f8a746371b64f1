// SPDX-License-Identifier: Apache-2.0
#include "shm/os.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>

namespace trackshm::shm {
namespace {

std::uint64_t now_ns(clockid_t clock) noexcept {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// Reads a small file of /proc into `text`, NUL-terminated. Returns its length, 0 on failure.
std::size_t read_small_file(const char* path, char* text, std::size_t capacity) noexcept {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    const ssize_t length = read(fd, text, capacity - 1);
    close(fd);
    if (length <= 0) return 0;
    text[length] = '\0';
    return static_cast<std::size_t>(length);
}

std::optional<std::uint64_t> start_ticks_at(const char* path) noexcept {
    char text[1024];
    if (read_small_file(path, text, sizeof text) == 0) return std::nullopt;
    // The second field is the command in parentheses and may hold anything: count fields after its end.
    const char* at = std::strrchr(text, ')');
    if (at == nullptr) return std::nullopt;
    for (int field = 2; field < 22; ++field) {
        at = std::strchr(at + 1, ' ');
        if (at == nullptr) return std::nullopt;
    }
    std::uint64_t ticks = 0;
    const auto result = std::from_chars(at + 1, at + 1 + std::strlen(at + 1), ticks);
    if (result.ec != std::errc{}) return std::nullopt;
    return ticks;
}

}  // namespace

std::uint64_t monotonic_ns() noexcept { return now_ns(CLOCK_MONOTONIC); }
std::uint64_t unix_ns() noexcept { return now_ns(CLOCK_REALTIME); }

std::uint64_t boot_id() noexcept {
    char text[64];
    const std::size_t length = read_small_file("/proc/sys/kernel/random/boot_id", text, sizeof text);
    std::uint64_t digest = length == 0 ? 0 : 0xcbf29ce484222325;  // FNV-1a
    for (std::size_t i = 0; i < length; ++i) digest = (digest ^ static_cast<unsigned char>(text[i])) * 0x100000001b3;
    return digest;
}

std::optional<std::uint64_t> start_ticks(std::int32_t pid) noexcept {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    return start_ticks_at(path);
}

std::uint64_t own_start_ticks() noexcept { return start_ticks_at("/proc/self/stat").value_or(0); }

std::uint64_t own_pid_namespace() noexcept {
    struct stat info {};
    return stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

void own_comm(char (&comm)[16]) noexcept {
    // The process's name, which is its main thread's; this may be called from another one.
    char text[32] = "";
    const std::size_t length = read_small_file("/proc/self/comm", text, sizeof text);
    if (length > 0 && text[length - 1] == '\n') text[length - 1] = '\0';
    std::memset(comm, 0, sizeof comm);
    std::memcpy(comm, text, strnlen(text, sizeof comm - 1));
}

std::uint64_t random_nonce() noexcept {
    std::uint64_t nonce = 0;
    if (getrandom(&nonce, sizeof nonce, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof nonce) || nonce == 0) {
        nonce = ((monotonic_ns() << 16) ^ static_cast<std::uint64_t>(getpid())) | 1;
    }
    return nonce;
}

void sleep_ns(std::uint64_t duration_ns) noexcept {
    const timespec duration{static_cast<time_t>(duration_ns / 1'000'000'000),
                            static_cast<long>(duration_ns % 1'000'000'000)};
    nanosleep(&duration, nullptr);
}

void spin_ns(std::uint64_t duration_ns) noexcept {
    const std::uint64_t end_ns = monotonic_ns() + duration_ns;
    while (monotonic_ns() < end_ns) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }
}

}  // namespace trackshm::shm
