// SPDX-License-Identifier: Apache-2.0
//
// idle: how soon a reader sees an event that ends a pause, and what the aggregator costs while nothing happens.
//
// Workload: one process allocates a buffer, reads the counters over and over until the buffer shows in them, frees it,
// and pauses for 20 ms, longer than the aggregator stays awake. Time to visibility is from before the hook to after the
// read that shows it. Then a pause of two seconds (less with --quick), during which the aggregator's CPU time is taken.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <stdexcept>
#include <thread>

#include "harness/experiment.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr auto pause = std::chrono::milliseconds(20);

class Counters {
public:
    Counters() {
        stats::Error error;
        const char* name_space = std::getenv("TRACKSHM_NAMESPACE");
        reader_ = stats::Reader::open(name_space == nullptr ? "default" : name_space, error);
        if (!reader_) throw std::runtime_error(error.message);
    }

    std::uint64_t applied() {
        stats::Error error;
        if (!reader_->read(snapshot_, error)) throw std::runtime_error(error.message);
        return snapshot_.events.applied;
    }

private:
    std::optional<stats::Reader> reader_;
    stats::Snapshot snapshot_;
};

double cpu_seconds(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
        throw std::runtime_error("cannot read the aggregator's CPU time");
    }
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double busy_percent(pid_t pid, std::chrono::milliseconds quiet) {
    const double cpu_before_s = cpu_seconds(pid);
    const std::uint64_t start_ns = now_ns();
    std::this_thread::sleep_for(quiet);
    const double elapsed_s = static_cast<double>(now_ns() - start_ns) / 1e9;
    return 100 * (cpu_seconds(pid) - cpu_before_s) / elapsed_s;
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
        while (counters.applied() < 2 * event + 1) {
        }
        visible_us.push_back(static_cast<double>(now_ns() - start_ns) / 1000);
        reporter.deallocation(event);
        sync_or_throw();
    }
    std::this_thread::sleep_for(pause);
    const double percent = busy_percent(arguments.at("aggregator_pid").get<pid_t>(),
                                        std::chrono::milliseconds(arguments.at("quiet_ms").get<int>()));
    std::sort(visible_us.begin(), visible_us.end());
    return {{"p50_us", percentile(visible_us, 50)}, {"p90_us", percentile(visible_us, 90)},
            {"p99_us", percentile(visible_us, 99)}, {"max_us", visible_us.back()},
            {"idle_core_percent", percent},         {"events", 2 * events}};
}

void run(const Options& options, Result& result) {
    const nlohmann::json arguments = {{"events", options.sized(200, 5)}, {"quiet_ms", options.sized(2000, 100)}};
    run_interleaved(options, {{"one event, then 20 ms", "idle", arguments}}, result);
}

const RegisterRole role({"idle", watch});
const RegisterBenchmark benchmark({"idle", "time to visibility after a pause, and the cost of waiting", run});

}  // namespace
}  // namespace trackshm::bench
