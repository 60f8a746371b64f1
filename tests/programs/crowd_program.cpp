// SPDX-License-Identifier: Apache-2.0
//
// A family of tracked processes or a crowd of threads. Prints "ok" at each step it is through with, "error ..." if one of
// its own goes wrong, and then ends with 1.
//
//   hold COUNT BUFFERS SIZE    COUNT children, alive together, hold BUFFERS buffers of SIZE bytes each, on device
//                              NUMBER % 8; at the next line of input each frees every second one and exits
//   row COUNT                  COUNT children one after the other: two buffers, one freed; a third of them exits, a third
//                              calls _exit, a third is killed
//   threads ALIVE TOTAL        TOTAL threads, ALIVE at a time; each frees what one before it allocated. At the end the
//                              last ALIVE / 2 buffers are left; returns at the next line of input
//   forks THREADS COUNT        forks COUNT children while THREADS threads report; each child reports two buffers on
//                              device 1 from two threads. Prints how many buffers the threads allocated and freed
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <trackshm/trackshm.h>

namespace {

constexpr std::uint8_t dram = 0;
constexpr unsigned longest_child_s = 120;  // a child that hangs is killed, and its status tells

[[noreturn]] void fail(const std::string& what) {
    std::cout << "error " << what << std::endl;
    std::_Exit(1);
}

void say_ok(std::uint64_t value = 0) { std::cout << "ok " << value << std::endl; }

void wait_for_line() {
    std::string line;
    std::getline(std::cin, line);
}

void expect_good_end(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child) fail("no child to wait for");
    if (status != 0) fail("a child ended with wait status " + std::to_string(status));
}

// --- hold -----------------------------------------------------------------------------------------------------------

struct Pipe {
    std::array<int, 2> ends{};
    Pipe() {
        if (pipe(ends.data()) != 0) fail("pipe");
    }
    int reading() const { return ends[0]; }
    int writing() const { return ends[1]; }
};

[[noreturn]] void hold_as_child(std::uint32_t device, std::uint64_t buffers, std::uint64_t size, const Pipe& ready,
                                const Pipe& leash) {
    close(leash.writing());
    for (std::uint64_t id = 0; id < buffers; ++id) trackshm_report_allocation(device, size, dram, id);
    char byte = 0;
    if (write(ready.writing(), &byte, 1) != 1) _exit(1);
    static_cast<void>(!read(leash.reading(), &byte, 1));
    for (std::uint64_t id = 0; id < buffers; id += 2) trackshm_report_deallocation(id);
    std::exit(0);
}

int hold(std::uint64_t count, std::uint64_t buffers, std::uint64_t size) {
    const Pipe ready;
    const Pipe leash;
    std::vector<pid_t> children;
    for (std::uint64_t i = 0; i < count; ++i) {
        const pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) hold_as_child(static_cast<std::uint32_t>(i % 8), buffers, size, ready, leash);
        children.push_back(child);
    }
    char byte = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (read(ready.reading(), &byte, 1) != 1) fail("a child did not report");
    }
    say_ok();
    wait_for_line();
    close(leash.writing());
    for (const pid_t child : children) expect_good_end(child);
    say_ok();
    return 0;
}

// --- row ------------------------------------------------------------------------------------------------------------

[[noreturn]] void live_briefly(std::uint64_t number) {
    trackshm_report_allocation(0, 10, dram, 1);
    trackshm_report_allocation(0, 20, dram, 2);
    trackshm_report_deallocation(1);
    if (number % 3 == 0) std::exit(0);
    if (number % 3 == 1) _exit(0);
    raise(SIGKILL);
    _exit(1);
}

int row(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) live_briefly(i);
        int status = 0;
        waitpid(child, &status, 0);
        const bool as_meant = i % 3 == 2 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : status == 0;
        if (!as_meant) fail("a child did not end as it was told to");
    }
    say_ok();
    return 0;
}

// --- threads --------------------------------------------------------------------------------------------------------

// Half of those alive. A generation is joined before the next but one begins.
struct Generation {
    explicit Generation(std::uint64_t size) : reported(static_cast<std::ptrdiff_t>(size)) {}
    std::latch reported;
    std::vector<std::thread> threads;

    void join() {
        for (std::thread& thread : threads) thread.join();
        threads.clear();
    }
};

int threads(std::uint64_t alive, std::uint64_t total) {
    const std::uint64_t size = alive / 2;
    // An id is free again when the generation after its own is joined: three generations on, that is certain.
    const auto id_of = [size](std::uint64_t generation, std::uint64_t i) { return generation % 3 * size + i; };
    std::deque<Generation> generations;
    for (std::uint64_t number = 0; number < total / size; ++number) {
        if (number >= 2) generations[number - 2].join();
        Generation* const before = number == 0 ? nullptr : &generations[number - 1];
        Generation& now = generations.emplace_back(size);
        for (std::uint64_t i = 0; i < size; ++i) {
            now.threads.emplace_back([=, &now] {
                trackshm_report_allocation(0, 100, dram, id_of(number, i));
                now.reported.count_down();
                if (before == nullptr) return;
                before->reported.wait();
                trackshm_report_deallocation(id_of(number - 1, i));
            });
        }
    }
    for (Generation& generation : generations) generation.join();
    if (trackshm_sync(60000) == TRACKSHM_SYNC_TIMED_OUT) fail("sync");
    say_ok();
    wait_for_line();
    return 0;
}

// --- forks ----------------------------------------------------------------------------------------------------------

[[noreturn]] void report_as_child(std::uint64_t number) {
    alarm(longest_child_s);
    trackshm_report_allocation(1, 7, dram, 1);
    std::thread([] { trackshm_report_allocation(1, 9, dram, 2); }).join();
    if (number % 2 == 0) std::exit(0);
    _exit(0);
}

int forks(std::uint64_t thread_count, std::uint64_t count) {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> pairs{0};
    std::vector<std::thread> reporters;
    for (std::uint64_t t = 0; t < thread_count; ++t) {
        reporters.emplace_back([&, t] {
            std::uint64_t done = 0;
            for (; !stop.load(std::memory_order_relaxed); ++done) {
                trackshm_report_allocation(0, 100, dram, t);
                trackshm_report_deallocation(t);
            }
            pairs += done;
        });
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        const pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) report_as_child(i);
        expect_good_end(child);
    }
    stop = true;
    for (std::thread& reporter : reporters) reporter.join();
    say_ok(pairs);
    wait_for_line();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::array<std::uint64_t, 3> numbers{};
    for (int i = 2; i < std::min(argc, 5); ++i) {
        numbers[static_cast<std::size_t>(i) - 2] = std::strtoull(argv[i], nullptr, 10);
    }
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "hold") return hold(numbers[0], numbers[1], numbers[2]);
    if (what == "row") return row(numbers[0]);
    if (what == "threads") return threads(numbers[0], numbers[1]);
    if (what == "forks") return forks(numbers[0], numbers[1]);
    fail("unknown mode");
}
