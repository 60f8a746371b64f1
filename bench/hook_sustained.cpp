// SPDX-License-Identifier: Apache-2.0
//
// hook_sustained: what a hook costs its caller, event after event, while a real aggregator drains at the same time.
//
// Workload: 384 buffers live; every turn frees the oldest and allocates another, without a pause (flat out: the ring
// fills and the process coalesces; the table says how much) or with 64 events every 64 us (paced: what a very busy
// runtime does). Not pinned: the library's helper thread, which takes turns with the hooks while the process coalesces,
// would inherit the pin, and both would share a core, which nobody's runtime does on purpose. Timed per batch of 64
// events; at the end trackshm_sync, whose time counts for published_per_s only.
#include "churn_run.hpp"
#include "harness/experiment.hpp"

namespace trackshm::bench {
namespace {

Figures churn(const nlohmann::json& arguments) {
    require_tracking();
    return run_churn(HookReporter(), arguments);
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
