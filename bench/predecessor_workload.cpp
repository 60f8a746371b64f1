// SPDX-License-Identifier: Apache-2.0
//
// predecessor_workload: the host's time that tracking one whole run takes.
//
// Workload: the 518,024 events of one logged run of a large language model on a mesh of eight devices (see
// predecessor_run.hpp), through the C API and as fast as it goes, while the aggregator drains; and the same as messages
// of the socket tracker. The first event's price, attaching, is in it. Not pinned, as in hook_sustained.
#include "harness/experiment.hpp"
#include "predecessor_run.hpp"

namespace trackshm::bench {
namespace {

Figures report(const nlohmann::json& arguments) {
    require_tracking();
    return run_predecessor_workload(HookReporter(), arguments);
}

void run(const Options& options, Result& result) {
    const nlohmann::json arguments = {{"events", options.sized(predecessor_events, std::uint64_t{16'008})}};
    run_interleaved(options,
                    {{"hooks", "predecessor_hook", arguments},
                     {"72-byte messages", "predecessor_socket", arguments, Tracking::off}},
                    result);
    result.notes.push_back(ratio_note(result, 1, 0, "host_ms"));
}

const RegisterRole role({"predecessor_hook", report});
const RegisterBenchmark benchmark({"predecessor_workload", "host time of the 518,024 events of one logged run", run});

}  // namespace
}  // namespace trackshm::bench
