// SPDX-License-Identifier: Apache-2.0
//
// readers: what readers cost the aggregator.
//
// Workload: that of pipeline with 10^4 live buffers, while nobody reads the counters, or ten processes do, each a
// thousand times a second. They never wait for each other or for the aggregator, but ten of them need CPU time, and on
// two cores that is the process's and the aggregator's; reads_per_s says how often they really read, all together.
#include "harness/experiment.hpp"
#include "pipeline.hpp"

namespace trackshm::bench {
namespace {

void run(const Options& options, Result& result) {
    constexpr std::uint64_t live_buffers = 10'000;
    const std::uint64_t steps = options.sized(100, 2);
    run_interleaved(options,
                    {pipeline_trial("0 readers", live_buffers, steps),
                     pipeline_trial("10 readers at 1 kHz", live_buffers, steps, 10)},
                    result);
    result.notes.push_back(ratio_note(result, 1, 0, "events_per_s"));
}

const RegisterBenchmark benchmark({"readers", "events per second into the counters while others read them", run});

}  // namespace
}  // namespace trackshm::bench
