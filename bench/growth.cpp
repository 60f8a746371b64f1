// SPDX-License-Identifier: Apache-2.0
//
// growth: what a buffer table does to the draining while it grows, and what a live buffer takes.
//
// Workload: one process allocates 10^6 or 10^7 buffers with scattered ids and frees none; every 4096 it waits with
// trackshm_sync until they are in the counters. All steps hold the same work, so what one of them takes longer than the
// others is a pause: the table growing, or the scheduler. Bytes per buffer: table_bytes is the table's storage in
// /dev/shm when all buffers live; max_table_bytes the most it ever took for each buffer live then, from 10^5 buffers
// on, two areas at once while it grows included; private_bytes is what the aggregator's own memory grew by.
#include <algorithm>
#include <string>

#include <unistd.h>

#include <fmt/format.h>

#include "harness/experiment.hpp"
#include "harness/observation.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr std::uint64_t events_per_step = 4096;
constexpr std::uint64_t ring_events = 2 * events_per_step;
constexpr std::uint64_t worth_a_ratio = 100'000;  // with fewer buffers, the table's fixed part is most of it

class GrowingTable {
public:
    void look(std::uint64_t live_buffers) {
        bytes_ = shm_bytes(prefix_);
        if (live_buffers < worth_a_ratio) return;
        most_per_buffer_ = std::max(most_per_buffer_, static_cast<double>(bytes_) / static_cast<double>(live_buffers));
    }
    double most_per_buffer() const noexcept { return most_per_buffer_; }
    std::uint64_t bytes() const noexcept { return bytes_; }

private:
    std::string prefix_ = ".l." + std::to_string(getpid()) + ".";
    std::uint64_t bytes_ = 0;
    double most_per_buffer_ = 0;
};

Figures grow(const nlohmann::json& arguments) {
    pin_to(Core::producer);
    require_tracking();
    const auto buffers = arguments.at("buffers").get<std::uint64_t>();
    const auto aggregator_pid = arguments.at("aggregator_pid").get<pid_t>();
    const HookReporter reporter;
    Churn churn(buffers);
    GrowingTable table;
    std::vector<double> steps_us;
    sync_or_throw();
    const std::uint64_t private_before = private_bytes(aggregator_pid);
    for (std::uint64_t from = 0; from < buffers;) {
        const std::uint64_t to = std::min(from + events_per_step, buffers);
        const std::uint64_t start_ns = now_ns();
        churn.preload(reporter, from, to);
        sync_or_throw();
        steps_us.push_back(static_cast<double>(now_ns() - start_ns) / 1000);
        table.look(to);
        from = to;
    }
    const std::uint64_t private_after = private_bytes(aggregator_pid);
    while (churn.unload(reporter, events_per_step)) sync_or_throw();

    std::sort(steps_us.begin(), steps_us.end());
    const auto count = static_cast<double>(buffers);
    return {{"p50_step_us", percentile(steps_us, 50)},
            {"p99_9_step_us", percentile(steps_us, 99.9)},
            {"max_step_us", steps_us.back()},
            {"table_bytes", static_cast<double>(table.bytes()) / count},
            {"max_table_bytes", table.most_per_buffer()},
            {"private_bytes", (static_cast<double>(private_after) - static_cast<double>(private_before)) / count},
            {"events", 2 * buffers}};
}

Trial trial(std::string variant, std::uint64_t buffers) {
    return {std::move(variant),
            "growth",
            {{"buffers", buffers}},
            Tracking::on,
            {{"TRACKSHM_RING_EVENTS", std::to_string(ring_events)}}};
}

void run(const Options& options, Result& result) {
    constexpr std::uint64_t needed_shm_bytes = std::uint64_t{2} << 30;  // as in pipeline
    std::vector<Trial> trials;
    if (options.quick) {
        trials.push_back(trial("2 * 10^5 live", 200'000));
    } else {
        trials.push_back(trial("10^6 live", 1'000'000));
        if (free_shm_bytes() >= needed_shm_bytes) {
            trials.push_back(trial("10^7 live", 10'000'000));
        } else {
            result.notes.push_back(
                fmt::format("10^7 live: left out, it needs {} MiB free in /dev/shm", needed_shm_bytes >> 20));
        }
    }
    run_interleaved(options.with_at_most(3), trials, result);  // one takes ten seconds and more
}

const RegisterRole role({"growth", grow});
const RegisterBenchmark benchmark({"growth", "pauses and bytes per buffer while a table grows", run});

}  // namespace
}  // namespace trackshm::bench
