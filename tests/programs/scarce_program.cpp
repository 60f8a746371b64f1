// SPDX-License-Identifier: Apache-2.0
//
// A host program with work of its own to do, in the poorest of circumstances. Prints nothing but "result N", where N is
// the same whatever becomes of tracking, waits for the end of its input, and exits with 42; with 1 if a hook changed
// errno.
//
//   scarce_program LIMIT VALUE THREADS COUNT
//
//   LIMIT    none            as it is
//            files           VALUE descriptors are left before the first report
//            memory_before   VALUE bytes of address space are left before the first report
//            memory_after    the same after the first report
//
// Each thread reports COUNT allocations of 64 bytes on device 0 and the deallocation of every second one; the first
// report is one more, of 1000 bytes.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <trackshm/trackshm.h>

namespace {

constexpr int sentinel = EXDEV;  // what a hook must leave in errno

void limit(int resource, rlim_t value) {
    const rlimit both{value, value};
    if (setrlimit(resource, &both) != 0) std::_Exit(2);
}

// The next descriptors are the lowest free numbers; there may be gaps, which are filled first.
void leave_files(std::uint64_t count) {
    std::vector<int> opened;
    limit(RLIMIT_NOFILE, 64);
    for (int fd; (fd = open("/dev/null", O_RDONLY)) >= 0;) opened.push_back(fd);
    for (std::uint64_t i = 0; i < count && !opened.empty(); ++i) {
        close(opened.back());
        opened.pop_back();
    }
}

void leave_memory(std::uint64_t bytes) {
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (file == nullptr || std::fscanf(file, "%lu", &pages) != 1) std::_Exit(2);
    std::fclose(file);
    limit(RLIMIT_AS, pages * static_cast<unsigned long>(sysconf(_SC_PAGESIZE)) + bytes);
}

std::uint64_t mix(std::uint64_t x) { return (x ^ (x >> 31)) * 0x9e3779b97f4a7c15; }

// The program's own work: a checksum over what it would have allocated.
std::uint64_t work(std::uint64_t first, std::uint64_t count, std::atomic<bool>& errno_changed) {
    std::uint64_t sum = 0;
    for (std::uint64_t id = first; id < first + count; ++id) {
        errno = sentinel;
        trackshm_report_allocation(0, 64, 0, id);
        sum += mix(id);
        if (id % 2 == 0) trackshm_report_deallocation(id);
        if (errno != sentinel) errno_changed = true;
    }
    return sum;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    const std::string what = argv[1];
    const std::uint64_t value = std::strtoull(argv[2], nullptr, 10);
    const std::uint64_t threads = std::strtoull(argv[3], nullptr, 10);
    const std::uint64_t count = std::strtoull(argv[4], nullptr, 10);

    std::latch start(1);
    std::atomic<bool> errno_changed{false};
    std::atomic<std::uint64_t> sum{0};
    std::vector<std::thread> workers;  // there before memory is short
    for (std::uint64_t t = 0; t < threads; ++t) {
        workers.emplace_back([&, t] {
            start.wait();
            sum += work(1 + t * count, count, errno_changed);
        });
    }
    if (what == "files") leave_files(value);
    if (what == "memory_before") leave_memory(value);
    errno = sentinel;
    trackshm_report_allocation(0, 1000, 0, 0);
    if (errno != sentinel) errno_changed = true;
    if (what == "memory_after") leave_memory(value);
    start.count_down();
    for (std::thread& worker : workers) worker.join();

    std::printf("result %llu\n", static_cast<unsigned long long>(sum.load()));
    std::fflush(stdout);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return errno_changed ? 1 : 42;
}
