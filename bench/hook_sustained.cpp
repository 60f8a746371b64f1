// SPDX-License-Identifier: Apache-2.0
//
// hook_sustained: what a hook costs its caller, event after event, while a real aggregator drains at the same time.
//
// Workload: 384 buffers live; every turn frees the oldest and allocates another, without a pause (flat out: the ring
// fills and the process coalesces; the table says how much) or with 64 events every 64 us (paced: what a very busy
// runtime does). Not pinned: the library's helper thread, which takes turns with the hooks while the process coalesces,
// would inherit the pin, and both would share a core, which nobody's runtime does on purpose. Timed per batch of 64
// events; at the end trackshm_sync, whose time counts for published_per_s only.
#include "harness/experiment.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

void spin_until(std::uint64_t time_ns) noexcept {
    while (now_ns() < time_ns) {
    }
}

Figures churn(const nlohmann::json& arguments) {
    require_tracking();
    const auto batches = arguments.at("batches").get<std::uint64_t>();
    const auto pace_ns = arguments.at("pace_ns").get<std::uint64_t>();
    const std::uint64_t warm_up_batches = batches / 10;
    BatchTimes times(events_per_batch, batches);
    const HookReporter reporter;
    Churn churn(churn_live_buffers);

    churn.preload(reporter, 0, churn_live_buffers);
    churn.turns(reporter, warm_up_batches * pairs_per_batch);
    sync_or_throw();
    const std::uint64_t start_ns = now_ns();
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
        if (pace_ns != 0) spin_until(start_ns + batch * pace_ns);
        times.start();
        churn.turns(reporter, pairs_per_batch);
        times.lap();
    }
    sync_or_throw();
    const auto elapsed_ns = static_cast<double>(now_ns() - start_ns);
    while (churn.unload(reporter, events_per_batch)) {
    }

    Figures figures = Figures::object();
    times.summarize(figures);
    figures["published_per_s"] = static_cast<double>(batches * events_per_batch) * 1e9 / elapsed_ns;
    figures["events"] = (warm_up_batches + batches) * events_per_batch + 2 * churn_live_buffers;
    return figures;
}

void run(const Options& options, Result& result) {
    const std::uint64_t flat_out = options.sized(200'000, 2000);
    const std::uint64_t paced = options.sized(15'000, 500);
    run_interleaved(options,
                    {{"flat out", "hook_sustained", {{"batches", flat_out}, {"pace_ns", 0}}},
                     {"paced, 1 M events/s", "hook_sustained", {{"batches", paced}, {"pace_ns", 64'000}}}},
                    result);
}

const RegisterRole role({"hook_sustained", churn});
const RegisterBenchmark benchmark({"hook_sustained", "cost of a hook while the aggregator drains", run});

}  // namespace
}  // namespace trackshm::bench
