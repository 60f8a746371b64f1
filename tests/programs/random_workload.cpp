// SPDX-License-Identifier: Apache-2.0
//
// A tracked process that reports at random from eight threads and knows what the counters must be in the end.
//
//   random_workload MODE SEED OPERATIONS_PER_THREAD [GENERATIONS [FORKS]]
//
//   ordered   every hook is called under one mutex, and so every kind of report has a defined outcome
//   handoff   each id has a lock of its own: reports of one id are ordered by its handoff from thread to thread,
//             reports of different ids run at once. Without device_closed, which concerns all ids.
//   tidy      like handoff, with many ids, and each is freed before it is allocated again: exact however much of it
//             is coalesced
//
// In each generation eight new threads do their share of the operations. FORKS threads fork in the middle of theirs; the
// child works as an `ordered` process of its own while the others go on.
//
// Prints the truth as one line of JSON once everything is published, and lives on until its input ends. The truths of
// forked children, which are gone by then, are members of their parent's.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "programs/random_model.hpp"

namespace {

using namespace trackshm::test;

constexpr std::uint32_t thread_count = 8;
constexpr std::uint32_t few_ids = 48;
constexpr std::uint32_t many_ids = 20000;
constexpr std::uint32_t first_gauge_device = 100;  // one per thread where reports run at once
constexpr std::uint64_t operations_in_forked_child = 300;
constexpr std::uint32_t sync_timeout_ms = 30000;

// One report that concerns one id.
void report_of_buffer(Model& model, Buffer& buffer, Random& random) {
    switch (random.below(10)) {
        case 0:
            model.free_on(buffer, random.memory().first);
            break;
        case 1:
            model.free_of(buffer, random.memory());
            break;
        case 2:
            model.free_all(buffer);
            break;
        case 3:
        case 4:
            model.free_by_id(buffer);
            break;
        default:
            model.allocate(buffer, random.memory(), random.size_bytes());
            break;
    }
}

// The same where nothing is left to a rule: no free is missed, and none is in doubt.
void report_of_tidy_buffer(Model& model, Buffer& buffer, Random& random) {
    if (buffer.entries.empty()) return model.allocate(buffer, random.memory(), random.size_bytes());
    const Memory memory = buffer.entries.front().memory;
    switch (random.below(4)) {
        case 0:
            model.free_on(buffer, memory.first);
            break;
        case 1:
            model.free_of(buffer, memory);
            break;
        case 2:
            model.free_all(buffer);
            break;
        default:
            model.free_by_id(buffer);
            break;
    }
}

std::vector<Buffer> make_buffers(std::uint32_t count) {
    std::vector<Buffer> buffers(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        // Plain small ids, 0 included, page-aligned ones and ones with all bits in use.
        buffers[i].id = i % 3 == 0 ? i : i % 3 == 1 ? i * 4096ull : ~(i * 0x9e3779b97f4a7c15ull);
    }
    return buffers;
}

template <class Body>
void in_threads(Body&& body) {
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 0; thread < thread_count; ++thread) threads.emplace_back(body, thread);
    for (std::thread& thread : threads) thread.join();
}

void work_ordered(std::vector<Buffer>& buffers, Tally& total, std::uint64_t seed, std::uint64_t operations) {
    std::mutex order;
    in_threads([&](std::uint32_t thread) {
        Random random(seed * thread_count + thread);
        Model model(total);
        for (std::uint64_t i = 0; i < operations; ++i) {
            const std::lock_guard lock(order);
            const std::uint64_t kind = random.below(200);
            if (kind == 0) {
                model.close_device(buffers, random.memory().first);
            } else if (kind < 8) {
                model.use(random.memory(), random.size_bytes());
            } else {
                report_of_buffer(model, buffers[random.below(buffers.size())], random);
            }
        }
    });
}

// There may be none just now: tests kill it. Looks again until there is one, for ten seconds at least.
int sync_with_next_aggregator() {
    for (int tries = 0; tries < 1000; ++tries) {
        const int result = trackshm_sync(sync_timeout_ms);
        if (result != TRACKSHM_SYNC_NO_AGGREGATOR) return result;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return TRACKSHM_SYNC_NO_AGGREGATOR;
}

std::string member(std::string_view name, std::uint64_t value) {
    return '"' + std::string(name) + "\":" + std::to_string(value) + ',';
}

// Without its closing brace. Peaks are known only where the order of all reports is.
std::string truth_of(const Tally& tally, bool peaks_known) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::string text = "{" + member("pid", static_cast<std::uint64_t>(getpid())) + member("reported", tally.reported) +
                       member("unknown_frees", tally.unknown_frees) + member("ambiguous_frees", tally.ambiguous_frees) +
                       member("implicit_frees", tally.implicit_frees) +
                       member("resident_bytes", static_cast<std::uint64_t>(usage.ru_maxrss) * 1024);
    if (peaks_known) text += member("peak_bytes", tally.peak_bytes);
    text += "\"memories\":[";
    const char* separator = "";
    for (const auto& [memory, counts] : tally.memories) {
        text += std::exchange(separator, ",");
        text += "{" + member("live_bytes", counts.live_bytes()) + member("live_buffers", counts.live_buffers()) +
                member("allocations_total", counts.allocations) +
                member("allocated_bytes_total", counts.allocated_bytes) +
                member("deallocations_total", counts.deallocations) +
                member("deallocated_bytes_total", counts.deallocated_bytes);
        if (peaks_known) text += member("peak_bytes", counts.peak_bytes);
        text += member("device", memory.first) + "\"type\":" + std::to_string(memory.second) + '}';
    }
    return text + "]";
}

// What forked children said, each a complete object.
class ForkedTruths {
public:
    // Forks, and waits until the child has said what it did and is gone.
    void fork_one(std::uint64_t seed) {
        std::array<int, 2> ends{};
        if (pipe(ends.data()) != 0) std::abort();
        const pid_t pid = fork();
        if (pid == 0) live_as_child(seed, ends[1]);
        close(ends[1]);
        std::string truth;
        std::array<char, 4096> buffer{};
        for (ssize_t got = 0; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
            truth.append(buffer.data(), static_cast<std::size_t>(got));
        }
        close(ends[0]);
        waitpid(pid, nullptr, 0);
        const std::lock_guard lock(mutex_);
        truths_.push_back(truth.empty() ? "null" : truth);
    }

    std::string all() const {
        std::string text = "[";
        for (const std::string& truth : truths_) text += (text.size() > 1 ? "," : "") + truth;
        return text + "]";
    }

private:
    // The others of the parent's threads do not exist here, but their locks do: nothing of the parent's is touched.
    [[noreturn]] static void live_as_child(std::uint64_t seed, int pipe_end) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        Tally tally;
        std::vector<Buffer> buffers = make_buffers(few_ids);
        work_ordered(buffers, tally, seed, operations_in_forked_child);
        if (sync_with_next_aggregator() != TRACKSHM_SYNC_DONE) _exit(1);
        const std::string truth = truth_of(tally, true) + "}";
        static_cast<void>(!write(pipe_end, truth.data(), truth.size()));
        _exit(0);
    }

    std::mutex mutex_;
    std::vector<std::string> truths_;
};

struct Plan {
    std::string_view mode;
    std::uint64_t seed = 0;
    std::uint64_t operations = 0;  // of each thread of a generation
    std::uint64_t generations = 1;
    std::uint64_t forks = 0;
};

void work_at_once(const Plan& plan, std::uint64_t generation, std::vector<Buffer>& buffers, std::vector<Tally>& tallies,
                  ForkedTruths& forked) {
    const auto report = plan.mode == "tidy" ? report_of_tidy_buffer : report_of_buffer;
    in_threads([&](std::uint32_t thread) {
        const std::uint64_t seed = (plan.seed * plan.generations + generation) * thread_count + thread;
        Random random(seed);
        Model model(tallies[thread]);
        const bool forks = generation * thread_count + thread < plan.forks;
        for (std::uint64_t i = 0; i < plan.operations; ++i) {
            if (forks && i == plan.operations / 2) forked.fork_one(seed);
            if (random.below(50) == 0) {
                model.use({first_gauge_device + thread, TRACKSHM_CIRCULAR_BUFFER}, random.size_bytes());
                continue;
            }
            Buffer& buffer = buffers[random.below(buffers.size())];
            const std::lock_guard lock(buffer.handoff);
            report(model, buffer, random);
        }
    });
}

Tally work(const Plan& plan, ForkedTruths& forked) {
    std::vector<Buffer> buffers = make_buffers(plan.mode == "tidy" ? many_ids : few_ids);
    Tally total;
    std::vector<Tally> tallies(thread_count);
    for (std::uint64_t generation = 0; generation < plan.generations; ++generation) {
        if (plan.mode == "ordered") {
            work_ordered(buffers, total, plan.seed * plan.generations + generation, plan.operations);
        } else {
            work_at_once(plan, generation, buffers, tallies, forked);
        }
    }
    for (const Tally& tally : tallies) total.add(tally);
    return total;
}

std::optional<Plan> parse(int argc, char** argv) {
    if (argc < 4 || argc > 6) return std::nullopt;
    const auto number = [&](int i, std::uint64_t otherwise) {
        return i < argc ? std::strtoull(argv[i], nullptr, 0) : otherwise;
    };
    const Plan plan{argv[1], number(2, 0), number(3, 0), number(4, 1), number(5, 0)};
    if (plan.mode != "ordered" && plan.mode != "handoff" && plan.mode != "tidy") return std::nullopt;
    return plan;
}

}  // namespace

int main(int argc, char** argv) {
    const std::optional<Plan> plan = parse(argc, argv);
    if (!plan) {
        std::cerr << "usage: random_workload ordered|handoff|tidy SEED OPERATIONS_PER_THREAD [GENERATIONS [FORKS]]\n";
        return 2;
    }
    ForkedTruths forked;
    const Tally total = work(*plan, forked);
    const auto before_sync = std::chrono::steady_clock::now();
    if (const int result = sync_with_next_aggregator(); result != TRACKSHM_SYNC_DONE) {
        std::cout << "trackshm_sync returned " << result << std::endl;
        return 1;
    }
    const std::chrono::nanoseconds sync_time = std::chrono::steady_clock::now() - before_sync;
    std::cout << truth_of(total, plan->mode == "ordered") << ','
              << member("sync_ns", static_cast<std::uint64_t>(sync_time.count())) << "\"children\":" << forked.all()
              << '}' << std::endl;
    std::cin.ignore(1 << 20);  // until its end
    return 0;
}
