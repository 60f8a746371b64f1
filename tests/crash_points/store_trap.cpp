// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into the unmodified shm_aggregator: numbers every change it makes to the world outside its own memory, and
// kills it before number STORE_TRAP_DIE_AT. A change, a *point*, is
//
//   - any instruction that stores to a segment, whoever wrote it: writable shared mappings of /dev/shm are made
//     read-only behind the program's back, so each store faults. The fault is counted, the page is opened, the one
//     instruction is executed under the trap flag, and the page is closed again. A vector store is one point, since
//     SIGKILL cannot split it; a string instruction is one per element.
//   - any system call that changes a file, a name or a lock.
//
// A segment under its temporary name is nobody else's yet: what is stored there counts once, as the call that names it.
//
// So that point k is the same one in every run, the clock moves by the number of looks at it, random numbers are a
// sequence, and SIGTERM is pending from the start: the aggregator takes over what there is, publishes, and ends.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "crash_points/store_trap.hpp"

namespace {

using trackshm::test::PointRecord;

constexpr std::string_view segment_directory = "/dev/shm/";
constexpr std::size_t page_bytes = 4096;
constexpr long trap_flag = 1L << 8;        // of EFLAGS
constexpr long fault_was_write = 1L << 1;  // of the page fault's error code

// --- points ---------------------------------------------------------------------------------------------------------

unsigned long die_at = 0;
unsigned long points = 0;
unsigned long calls = 0;
unsigned long skipped_calls = 0;
unsigned long skipped_points = 0;
int trace_fd = -1;
bool no_room = false;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void pass_point(std::string_view what, std::string_view file, std::uint64_t offset) {
    if (++points == die_at) {
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;) pause();
    }
    if (trace_fd < 0) return;
    PointRecord record{};
    what.copy(record.what, sizeof record.what - 1);
    file.copy(record.file, sizeof record.file - 1);
    record.offset = offset;
    record.calls = calls;
    syscall(SYS_write, trace_fd, &record, sizeof record);
}

// --- stores ---------------------------------------------------------------------------------------------------------

struct Mapping {
    std::byte* begin = nullptr;
    std::size_t bytes = 0;
    std::uint64_t file_offset = 0;
    char file[80] = {};

    bool is_trapped() const {
        return bytes != 0 && calls >= skipped_calls && std::string_view(file).find(".tmp.") == std::string_view::npos;
    }
    bool contains(const void* address) const { return address >= begin && address < begin + bytes; }
};

constexpr std::size_t max_mappings = 256;
Mapping mappings[max_mappings];

Mapping* mapping_of(const void* address) {
    auto* const found =
        std::find_if(mappings, mappings + max_mappings, [&](const Mapping& m) { return m.contains(address); });
    return found == mappings + max_mappings ? nullptr : found;
}

// Pages open for the instruction being executed: two if its store spans them.
constexpr std::size_t max_open_pages = 4;
std::byte* open_pages[max_open_pages];
std::size_t open_page_count = 0;

[[noreturn]] void give_up(const char* message) {
    syscall(SYS_write, STDERR_FILENO, message, strlen(message));
    abort();
}

void protect(void* begin, std::size_t bytes, int protection) {
    if (mprotect(begin, bytes, protection) != 0) give_up("store trap: mprotect failed\n");
}

void protect_trapped() {
    for (const Mapping& mapping : mappings) {
        if (mapping.is_trapped()) protect(mapping.begin, mapping.bytes, PROT_READ);
    }
}

// First in every intercepted call.
void count_call() {
    if (++calls != skipped_calls) return;
    points = skipped_points;
    protect_trapped();
}

long long& flags_of(void* context) { return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL]; }

void on_fault(int number, siginfo_t* info, void* context) {
    const Mapping* const mapping = mapping_of(info->si_addr);
    const bool is_write = (static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & fault_was_write) != 0;
    if (mapping == nullptr || !is_write) {
        signal(number, SIG_DFL);  // a bug of the program: it dies of it when the instruction is repeated
        return;
    }
    auto* const address = static_cast<std::byte*>(info->si_addr);
    if (open_page_count == 0) {
        pass_point("store", mapping->file, mapping->file_offset + static_cast<std::uint64_t>(address - mapping->begin));
    }
    if (open_page_count == max_open_pages) give_up("store trap: one instruction, too many pages\n");
    std::byte* const page = address - reinterpret_cast<std::uintptr_t>(address) % page_bytes;
    open_pages[open_page_count++] = page;
    protect(page, page_bytes, PROT_READ | PROT_WRITE);
    flags_of(context) |= trap_flag;
}

void on_step(int, siginfo_t*, void* context) {
    while (open_page_count > 0) protect(open_pages[--open_page_count], page_bytes, PROT_READ);
    flags_of(context) &= ~trap_flag;
}

void handle(int number, void (*handler)(int, siginfo_t*, void*)) {
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    sigaction(number, &action, nullptr);
}

// The name of the segment a descriptor leads to; empty if it is no segment.
std::string_view segment_of(int fd, char (&path)[256]) {
    char link[] = "/proc/self/fd/0000000000";
    char* end = link + sizeof "/proc/self/fd/" - 1;
    char digits[12];
    std::size_t count = 0;
    for (int rest = fd; count == 0 || rest != 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
    while (count > 0) *end++ = digits[--count];
    *end = '\0';
    const ssize_t length = readlink(link, path, sizeof path);
    const std::string_view target(path, length > 0 ? static_cast<std::size_t>(length) : 0);
    return target.starts_with(segment_directory) ? base_name(target) : std::string_view{};
}

bool is_table(int fd) {
    char path[256];
    return segment_of(fd, path).find(".l.") != std::string_view::npos;
}

void pass_call(std::string_view call, int fd, off_t offset) {
    char path[256];
    if (const std::string_view file = segment_of(fd, path); !file.empty()) {
        pass_point(call, file, static_cast<std::uint64_t>(offset));
    }
}

void pass_call(std::string_view call, std::string_view path) {
    if (path.starts_with(segment_directory)) pass_point(call, base_name(path), 0);
}

__attribute__((constructor)) void start() {
    if (const char* number = getenv(trackshm::test::die_at_variable)) die_at = strtoul(number, nullptr, 10);
    if (const char* path = getenv(trackshm::test::trace_variable)) {
        trace_fd =
            static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    }
    no_room = getenv(trackshm::test::no_room_variable) != nullptr;
    if (const char* skip = getenv(trackshm::test::skip_variable)) {
        char* end = nullptr;
        skipped_calls = strtoul(skip, &end, 10);
        skipped_points = strtoul(end, nullptr, 10);
    }
    unsetenv("LD_PRELOAD");  // not for its children
    handle(SIGSEGV, on_fault);
    handle(SIGTRAP, on_step);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, nullptr);
    raise(SIGTERM);
}

}  // namespace

// --- what the aggregator calls --------------------------------------------------------------------------------------

#define TRAPPED extern "C" __attribute__((visibility("default")))

TRAPPED void* mmap(void* where, std::size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
    count_call();
    const long result = syscall(SYS_mmap, where, bytes, protection, flags, fd, offset);
    if (result == -1) return MAP_FAILED;
    void* const mapped = reinterpret_cast<void*>(result);
    char path[256];
    const bool is_shared = (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0 && fd >= 0;
    const std::string_view file = is_shared ? segment_of(fd, path) : std::string_view{};
    if (file.empty()) return mapped;
    Mapping* const entry =
        std::find_if(mappings, mappings + max_mappings, [](const Mapping& m) { return m.bytes == 0; });
    if (entry == mappings + max_mappings) give_up("store trap: too many mappings\n");
    *entry = {static_cast<std::byte*>(mapped), bytes, static_cast<std::uint64_t>(offset), {}};
    file.copy(entry->file, sizeof entry->file - 1);
    if (entry->is_trapped()) protect(mapped, bytes, PROT_READ);
    return mapped;
}

TRAPPED int munmap(void* begin, std::size_t bytes) noexcept {
    count_call();
    if (Mapping* const mapping = mapping_of(begin)) *mapping = Mapping{};
    return static_cast<int>(syscall(SYS_munmap, begin, bytes));
}

// Populating needs the pages writable, and stores nothing.
TRAPPED int madvise(void* begin, std::size_t bytes, int advice) noexcept {
    count_call();
    const Mapping* const mapping = mapping_of(begin);
    const bool is_trapped = mapping != nullptr && mapping->is_trapped();
    if (is_trapped) protect(begin, bytes, PROT_READ | PROT_WRITE);
    const int result = static_cast<int>(syscall(SYS_madvise, begin, bytes, advice));
    const int error = errno;
    if (is_trapped) protect(begin, bytes, PROT_READ);
    errno = error;
    return result;
}

TRAPPED int open(const char* path, int flags, ...) {
    count_call();
    va_list arguments;
    va_start(arguments, flags);
    const auto mode = static_cast<mode_t>((flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0);
    va_end(arguments);
    if ((flags & O_CREAT) != 0) pass_call("create", path);
    return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

TRAPPED int ftruncate(int fd, off_t bytes) noexcept {
    count_call();
    pass_call("ftruncate", fd, bytes);
    return static_cast<int>(syscall(SYS_ftruncate, fd, bytes));
}

TRAPPED int fchmod(int fd, mode_t mode) noexcept {
    count_call();
    pass_call("fchmod", fd, 0);
    return static_cast<int>(syscall(SYS_fchmod, fd, mode));
}

TRAPPED int fallocate(int fd, int mode, off_t offset, off_t bytes) {
    count_call();
    pass_call("fallocate", fd, offset);
    if (no_room && is_table(fd) && lseek(fd, offset, SEEK_HOLE) < offset + bytes) {
        errno = ENOSPC;
        return -1;
    }
    return static_cast<int>(syscall(SYS_fallocate, fd, mode, offset, bytes));
}

TRAPPED int posix_fallocate(int fd, off_t offset, off_t bytes) {
    return fallocate(fd, 0, offset, bytes) == 0 ? 0 : errno;
}

TRAPPED ssize_t pwrite(int fd, const void* bytes, std::size_t count, off_t offset) {
    count_call();
    pass_call("pwrite", fd, offset);
    return syscall(SYS_pwrite64, fd, bytes, count, offset);
}

TRAPPED int renameat2(int from_fd, const char* from, int to_fd, const char* to, unsigned flags) noexcept {
    count_call();
    pass_call("rename", to);
    const int result = static_cast<int>(syscall(SYS_renameat2, from_fd, from, to_fd, to, flags));
    if (result != 0) return result;
    for (Mapping& mapping : mappings) {
        if (mapping.bytes == 0 || base_name(from) != mapping.file) continue;
        memset(mapping.file, 0, sizeof mapping.file);
        base_name(to).copy(mapping.file, sizeof mapping.file - 1);
    }
    protect_trapped();
    return result;
}

TRAPPED int unlink(const char* path) noexcept {
    count_call();
    pass_call("unlink", path);
    return static_cast<int>(syscall(SYS_unlink, path));
}

TRAPPED int fcntl(int fd, int command, ...) {
    count_call();
    va_list arguments;
    va_start(arguments, command);
    void* const argument = va_arg(arguments, void*);
    va_end(arguments);
    if (command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW) {
        pass_call("lock", fd, 0);
    }
    return static_cast<int>(syscall(SYS_fcntl, fd, command, argument));
}

TRAPPED int clock_gettime(clockid_t clock, timespec* now) noexcept {
    count_call();
    const int result = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
    if (clock != CLOCK_MONOTONIC || result != 0) return result;
    static const timespec start = *now;
    static long looks_us = 0;
    ++looks_us;
    const long nanoseconds = start.tv_nsec + looks_us * 1000;
    *now = {start.tv_sec + nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    return 0;
}

TRAPPED ssize_t getrandom(void* buffer, std::size_t bytes, unsigned) {
    count_call();
    static std::uint64_t state = 0;
    auto* at = static_cast<unsigned char*>(buffer);
    for (std::size_t i = 0; i < bytes; ++i) {
        state = state * 6364136223846793005 + 1442695040888963407;
        at[i] = static_cast<unsigned char>(state >> 56);
    }
    return static_cast<ssize_t>(bytes);
}
