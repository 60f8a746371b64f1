// SPDX-License-Identifier: Apache-2.0
//
// hook_overflow: what a hook costs its caller when nobody drains and the process coalesces.
//
// Workload: the aggregator is stopped with SIGSTOP and the ring filled; then, timed per batch of 64 events, either
// turns of freeing the oldest of 384 buffers and allocating another (each event meets its counterpart in the coalescer
// and cancels out) or allocations alone (the coalescer grows with each). Not pinned, as in hook_sustained. Afterwards
// the aggregator goes on, and every event must be accounted for.
#include <sys/types.h>

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "harness/experiment.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr std::uint64_t ring_events = 4096;
constexpr std::uint64_t filling_turns = 2 * ring_events;

bool is_stopped(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t name_end = line.rfind(')');
    return name_end != std::string::npos && line.compare(name_end, 3, ") T") == 0;
}

// The aggregator does nothing while this object lives.
class StoppedAggregator {
public:
    explicit StoppedAggregator(pid_t pid) : pid_(pid) {
        if (kill(pid_, SIGSTOP) != 0) throw std::runtime_error("cannot stop the aggregator");
        while (!is_stopped(pid_)) std::this_thread::yield();
    }
    StoppedAggregator(const StoppedAggregator&) = delete;
    StoppedAggregator& operator=(const StoppedAggregator&) = delete;
    ~StoppedAggregator() { kill(pid_, SIGCONT); }

private:
    pid_t pid_;
};

Figures cancel(const nlohmann::json& arguments) {
    require_tracking();
    const auto batches = arguments.at("batches").get<std::uint64_t>();
    BatchTimes times(events_per_batch, batches);
    const HookReporter reporter;
    Churn churn(churn_live_buffers);
    churn.preload(reporter, 0, churn_live_buffers);
    sync_or_throw();
    {
        const StoppedAggregator stopped(arguments.at("aggregator_pid").get<pid_t>());
        churn.turns(reporter, filling_turns);
        for (std::uint64_t batch = 0; batch < batches; ++batch) {
            times.start();
            churn.turns(reporter, pairs_per_batch);
            times.lap();
        }
    }
    sync_or_throw();
    while (churn.unload(reporter, events_per_batch)) {
    }
    Figures figures = Figures::object();
    times.summarize(figures);
    figures["events"] = 2 * (churn_live_buffers + filling_turns) + batches * events_per_batch;
    return figures;
}

Figures grow(const nlohmann::json& arguments) {
    require_tracking();
    const auto batches = arguments.at("batches").get<std::uint64_t>();
    const std::uint64_t buffers = filling_turns + batches * events_per_batch;
    BatchTimes times(events_per_batch, batches);
    const HookReporter reporter;
    Churn churn(buffers);
    sync_or_throw();
    {
        const StoppedAggregator stopped(arguments.at("aggregator_pid").get<pid_t>());
        churn.preload(reporter, 0, filling_turns);
        for (std::uint64_t next = filling_turns; next < buffers; next += events_per_batch) {
            times.start();
            churn.preload(reporter, next, next + events_per_batch);
            times.lap();
        }
    }
    sync_or_throw();
    while (churn.unload(reporter, ring_events / 2)) sync_or_throw();
    Figures figures = Figures::object();
    times.summarize(figures);
    figures["events"] = 2 * buffers;
    return figures;
}

void run(const Options& options, Result& result) {
    const std::uint64_t cancelling = options.sized(50'000, 1000);
    const std::uint64_t growing = options.sized(8000, 500);  // half of what the coalescer holds by default
    run_interleaved(options,
                    {{"events cancel out", "overflow_cancel", {{"batches", cancelling}}},
                     {"allocations alone", "overflow_grow", {{"batches", growing}}}},
                    result);
}

const RegisterRole cancel_role({"overflow_cancel", cancel});
const RegisterRole grow_role({"overflow_grow", grow});
const RegisterBenchmark benchmark({"hook_overflow", "cost of a hook that coalesces because nobody drains", run});

}  // namespace
}  // namespace trackshm::bench
