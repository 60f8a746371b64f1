// SPDX-License-Identifier: Apache-2.0
//
// The run that hook_sustained and the peers share, so that they differ by nothing but the reporter.
#pragma once

#include <cstdint>

#include <nlohmann/json.hpp>

#include "harness/statistics.hpp"
#include "workload.hpp"

namespace trackshm::bench {

inline void spin_until(std::uint64_t time_ns) noexcept {
    while (now_ns() < time_ns) {
    }
}

// 384 buffers live; every turn frees the oldest and allocates another, without a pause (pace_ns 0) or with 64 events
// every pace_ns. Timed per batch of 64 events; waiting for the reports to arrive counts for published_per_s only. Adds
// the figure `events`: all that were reported. Nothing stays live.
template <class Reporter>
Figures run_churn(const Reporter& reporter, const nlohmann::json& arguments) {
    const auto batches = arguments.at("batches").get<std::uint64_t>();
    const auto pace_ns = arguments.at("pace_ns").get<std::uint64_t>();
    const std::uint64_t warm_up_batches = batches / 10;
    BatchTimes times(events_per_batch, batches);
    Churn churn(churn_live_buffers);

    churn.preload(reporter, 0, churn_live_buffers);
    churn.turns(reporter, warm_up_batches * pairs_per_batch);
    reporter.settle();
    const std::uint64_t start_ns = now_ns();
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
        if (pace_ns != 0) spin_until(start_ns + batch * pace_ns);
        times.start();
        churn.turns(reporter, pairs_per_batch);
        times.lap();
    }
    reporter.settle();
    const auto elapsed_ns = static_cast<double>(now_ns() - start_ns);
    while (churn.unload(reporter, events_per_batch)) {
    }

    Figures figures = Figures::object();
    times.summarize(figures);
    figures["published_per_s"] = static_cast<double>(batches * events_per_batch) * 1e9 / elapsed_ns;
    figures["events"] = (warm_up_batches + batches) * events_per_batch + 2 * churn_live_buffers;
    return figures;
}

}  // namespace trackshm::bench
