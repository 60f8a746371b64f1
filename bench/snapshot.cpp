// SPDX-License-Identifier: Apache-2.0
//
// snapshot: what one look at the counters costs a tool.
//
// Workload: 100 processes are attached, each with one buffer on each of 8 devices, and report nothing more. Another
// process reads the counters again and again with trackshm::stats::Reader, as shmtop does; each read is timed alone.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "harness/crowd.hpp"
#include "harness/experiment.hpp"
#include "harness/observation.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr unsigned devices = 8;

void hold_buffers(const CrowdMember& member) {
    require_tracking();
    const HookReporter reporter;
    for (unsigned device = 0; device < devices; ++device) reporter.allocation(device, 4096, device);
    member.ready();
    member.wait_for_release();
    for (unsigned device = 0; device < devices; ++device) reporter.deallocation(device);
}

void check_complete(const stats::Snapshot& snapshot, unsigned processes) {
    if (snapshot.processes.size() != processes || snapshot.devices.size() != devices) {
        throw std::runtime_error("the snapshot does not show every process and device");
    }
}

Figures read_again_and_again(const nlohmann::json& arguments) {
    const auto processes = arguments.at("processes").get<unsigned>();
    const auto reads = arguments.at("reads").get<std::uint64_t>();
    Crowd crowd(processes, hold_buffers);
    pin_to(Core::producer);
    Counters counters;
    counters.wait_until_applied(std::uint64_t{devices} * processes);
    for (int warm_up = 0; warm_up < 10; ++warm_up) check_complete(counters.read(), processes);
    std::vector<double> samples_us;
    samples_us.reserve(reads);
    for (std::uint64_t count = 0; count < reads; ++count) {
        const std::uint64_t start_ns = now_ns();
        counters.read();
        samples_us.push_back(static_cast<double>(now_ns() - start_ns) / 1000);
    }
    crowd.dismiss();
    std::sort(samples_us.begin(), samples_us.end());
    return {{"p50_us", percentile(samples_us, 50)},
            {"p99_us", percentile(samples_us, 99)},
            {"max_us", samples_us.back()},
            {"events", 2 * std::uint64_t{devices} * processes}};
}

void run(const Options& options, Result& result) {
    const auto processes = options.sized(100U, 10U);
    run_interleaved(options,
                    {{std::to_string(processes) + " processes, 8 devices",
                      "snapshot",
                      {{"processes", processes}, {"reads", options.sized(5000, 20)}}}},
                    result);
}

const RegisterRole role({"snapshot", read_again_and_again});
const RegisterBenchmark benchmark({"snapshot", "cost of one look at the counters", run});

}  // namespace
}  // namespace trackshm::bench
