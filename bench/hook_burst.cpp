// SPDX-License-Identifier: Apache-2.0
//
// hook_burst: what a hook costs its caller while there is room in the ring.
//
// Workload: one thread reports 1024 events, each allocation followed by its deallocation, then waits (not timed) until
// the aggregator has drained them all; and again. A burst is a quarter of the ring, so it never fills, and the ring's
// lines come back from the aggregator's core before every burst. The ring wraps a hundred times and more. Every other
// burst is timed as a whole, which gives the mean; the others are timed per batch of 64 events, which gives the
// percentiles and adds one look at the clock per batch to them.
#include "harness/experiment.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr std::uint64_t warm_up_bursts = 20;

Figures report_bursts(const nlohmann::json& arguments) {
    pin_to(Core::producer);
    require_tracking();
    const auto bursts = arguments.at("bursts").get<std::uint64_t>();
    BatchTimes batches(events_per_batch, bursts / 2 * batches_per_burst);
    BatchTimes whole_bursts(events_per_burst, bursts / 2);
    const HookReporter reporter;
    Pairs pairs(0);

    for (std::uint64_t burst = 0; burst < warm_up_bursts; ++burst) {
        pairs.report(reporter, events_per_burst / 2);
        sync_or_throw();
    }
    for (std::uint64_t burst = 0; burst < bursts; burst += 2) {
        whole_bursts.start();
        pairs.report(reporter, events_per_burst / 2);
        whole_bursts.lap();
        sync_or_throw();

        batches.start();
        for (std::uint64_t batch = 0; batch < batches_per_burst; ++batch) {
            pairs.report(reporter, pairs_per_batch);
            batches.lap();
        }
        sync_or_throw();
    }

    Figures figures = Figures::object();
    batches.summarize(figures);
    figures["mean_ns"] = whole_bursts.mean_ns();
    figures["events"] = (warm_up_bursts + bursts) * events_per_burst;
    return figures;
}

void run(const Options& options, Result& result) {
    const std::uint64_t bursts = options.sized(4000, 40);
    run_interleaved(options, {{"alloc + free", "hook_burst", {{"bursts", bursts}}}}, result);
}

const RegisterRole role({"hook_burst", report_bursts});
const RegisterBenchmark benchmark({"hook_burst", "cost of a hook while the ring has room", run});

}  // namespace
}  // namespace trackshm::bench
