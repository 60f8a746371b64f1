// SPDX-License-Identifier: Apache-2.0
//
// idle: how soon a reader sees an event that ends a pause, and what the aggregator costs while nothing happens.
//
// Workload of the first row: one process allocates a buffer, reads the counters over and over until the buffer shows in
// them, frees it, and pauses for 20 ms, longer than the aggregator stays awake. Time to visibility is from before the
// hook to after the read that shows it. Then a pause of two seconds (less with --quick), during which the aggregator's
// CPU time is taken. In the other rows so many processes are attached, each with one buffer, and none of them reports.
#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "harness/crowd.hpp"
#include "harness/experiment.hpp"
#include "harness/observation.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr auto pause = std::chrono::milliseconds(20);

double idle_core_percent(const nlohmann::json& arguments) {
    return busy_percent(arguments.at("aggregator_pid").get<pid_t>(),
                        std::chrono::milliseconds(arguments.at("quiet_ms").get<int>()));
}

Figures watch(const nlohmann::json& arguments) {
    pin_to(Core::producer);
    require_tracking();
    const auto events = arguments.at("events").get<std::uint64_t>();
    const HookReporter reporter;
    Counters counters;
    std::vector<double> visible_us;
    for (std::uint64_t event = 0; event < events; ++event) {
        std::this_thread::sleep_for(pause);
        const std::uint64_t start_ns = now_ns();
        reporter.allocation(0, 4096, event);
        while (counters.read().events.applied < 2 * event + 1) {
        }
        visible_us.push_back(static_cast<double>(now_ns() - start_ns) / 1000);
        reporter.deallocation(event);
        sync_or_throw();
    }
    std::this_thread::sleep_for(pause);
    const double percent = idle_core_percent(arguments);
    std::sort(visible_us.begin(), visible_us.end());
    return {{"p50_us", percentile(visible_us, 50)}, {"p90_us", percentile(visible_us, 90)},
            {"p99_us", percentile(visible_us, 99)}, {"max_us", visible_us.back()},
            {"idle_core_percent", percent},         {"events", 2 * events}};
}

Figures wait_among(const nlohmann::json& arguments) {
    const auto processes = arguments.at("processes").get<unsigned>();
    Crowd crowd(processes, [](const CrowdMember& member) {
        require_tracking();
        const HookReporter reporter;
        reporter.allocation(member.index() % 8, 4096, 0);
        member.ready();
        member.wait_for_release();
        reporter.deallocation(0);
    });
    Counters().wait_until_applied(processes);
    // Longer than anything that is done some time after an attach.
    std::this_thread::sleep_for(10 * pause);
    const double percent = idle_core_percent(arguments);
    crowd.dismiss();
    return {{"idle_core_percent", percent}, {"events", 2 * processes}};
}

void add_crowds(const Options& options, std::vector<Trial>& trials, Result& result) {
    constexpr std::uint64_t shm_bytes_per_process = 512 << 10;  // generously: its segment, one lane, its table
    for (const unsigned processes : options.sized(std::vector{1U, 10U, 100U, 1000U}, std::vector{10U})) {
        if (free_shm_bytes() < processes * shm_bytes_per_process) {
            result.notes.push_back(fmt::format("{} attached: left out, it needs {} MiB free in /dev/shm", processes,
                                               processes * shm_bytes_per_process >> 20));
            continue;
        }
        trials.push_back({fmt::format("{} attached", processes),
                          "idle_crowd",
                          {{"processes", processes}, {"quiet_ms", options.sized(2000, 100)}}});
    }
}

void run(const Options& options, Result& result) {
    std::vector<Trial> trials = {{"one event, then 20 ms",
                                  "idle",
                                  {{"events", options.sized(200, 5)}, {"quiet_ms", options.sized(2000, 100)}}}};
    add_crowds(options, trials, result);
    run_interleaved(options, trials, result);
}

const RegisterRole role({"idle", watch});
const RegisterRole crowd_role({"idle_crowd", wait_among});
const RegisterBenchmark benchmark({"idle", "time to visibility after a pause, and the cost of waiting", run});

}  // namespace
}  // namespace trackshm::bench
