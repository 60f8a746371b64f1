// SPDX-License-Identifier: Apache-2.0
//
// hook_under_restarts: what a hook costs its caller while the aggregator is killed and started again, over and over.
//
// Workload: as in hook_sustained, flat out: 384 buffers live; every turn frees the oldest and allocates another, without
// a pause, timed per batch of 64 events. Meanwhile the driver kills the aggregator with SIGKILL some 10 ms after readers
// could attach to it and starts the next at once; or leaves it alone, to compare. Not pinned, as in hook_sustained. At
// the end every event must be accounted for, whatever was being done when an aggregator died.
#include <chrono>
#include <stdexcept>
#include <thread>

#include "harness/experiment.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

using namespace std::chrono_literals;

// There may be no aggregator just now, or one that dies while we wait for it.
void sync_across_restarts() {
    constexpr std::uint32_t timeout_ms = 1000;
    const std::uint64_t deadline_ns = now_ns() + 60'000'000'000;
    while (sync(timeout_ms) != SyncResult::done) {
        if (now_ns() > deadline_ns) throw std::runtime_error("trackshm_sync never succeeded");
        std::this_thread::sleep_for(1ms);
    }
}

Figures churn(const nlohmann::json& arguments) {
    require_tracking();
    const auto batches = arguments.at("batches").get<std::uint64_t>();
    BatchTimes times(events_per_batch, batches);
    const HookReporter reporter;
    Churn churn(churn_live_buffers);
    churn.preload(reporter, 0, churn_live_buffers);
    times.start();
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
        churn.turns(reporter, pairs_per_batch);
        times.lap();
    }
    while (churn.unload(reporter, events_per_batch)) {
    }
    sync_across_restarts();
    Figures figures = Figures::object();
    times.summarize(figures);
    figures["events"] = batches * events_per_batch + 2 * churn_live_buffers;
    return figures;
}

void run(const Options& options, Result& result) {
    const nlohmann::json arguments{{"batches", options.sized(400'000, 20'000)}};
    Trial undisturbed{"aggregator stays", "hook_under_restarts", arguments};
    Trial restarted{"killed over and over", "hook_under_restarts", arguments};
    restarted.aggregator_life = 10ms;
    run_interleaved(options, {undisturbed, restarted}, result);
    result.notes.push_back(ratio_note(result, 1, 0, "p99_9_ns"));
}

const RegisterRole role({"hook_under_restarts", churn});
const RegisterBenchmark benchmark({"hook_under_restarts", "cost of a hook while the aggregator is killed over and over",
                                   run});

}  // namespace
}  // namespace trackshm::bench
