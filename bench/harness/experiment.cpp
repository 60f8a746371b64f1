// SPDX-License-Identifier: Apache-2.0
#include "harness/experiment.hpp"

#include <future>
#include <stdexcept>

#include <fmt/format.h>
#include <trackshm/trackshm.hpp>

namespace trackshm::bench {
namespace {

// What a tracked role says it reported; coalesced_percent takes its place in the results.
constexpr const char* events_figure = "events";

std::uint64_t live_buffers(const stats::Snapshot& snapshot) {
    std::uint64_t sum = 0;
    for (const stats::Device& device : snapshot.devices) sum += device.live_buffers();
    return sum;
}

void check_nothing_lost(const stats::Snapshot& snapshot, std::uint64_t reported, const std::string& variant,
                        Result& result) {
    const stats::Events& events = snapshot.events;
    if (events.reported == reported && events.applied + events.coalesced == reported && events.pending == 0 &&
        events.dropped == 0 && live_buffers(snapshot) == 0 && snapshot.exact) {
        return;
    }
    result.failures.push_back(fmt::format(
        "{}: {} events were reported; the counters say {} = {} applied + {} pending + {} coalesced + {} dropped, {} "
        "buffers live, exact {}",
        variant, reported, events.reported, events.applied, events.pending, events.coalesced, events.dropped,
        live_buffers(snapshot), snapshot.exact));
}

double median_figure(const Measurement& measurement, const std::string& figure) {
    return across_rounds(measurement.rounds).at(figure).get<double>();
}

// The child keeps going while one aggregator after another is killed.
Figures run_under_restarts(AggregatorProcess& aggregator, const Trial& trial, const nlohmann::json& arguments,
                           const Environment& environment) {
    // Not the other way round: a process dies with the thread that started it, and the last aggregator must stay.
    auto child = std::async(std::launch::async, [&] { return run_child(trial.role, arguments, environment); });
    std::uint64_t restarts = 0;
    for (; child.wait_for(trial.aggregator_life) != std::future_status::ready; ++restarts) aggregator.restart();
    Figures figures = child.get();
    figures["restarts"] = restarts;
    return figures;
}

Figures run_tracked(const Options& options, const Trial& trial, Result& result) {
    AggregatorProcess aggregator(options.aggregator);
    nlohmann::json arguments = trial.arguments;
    arguments["aggregator_pid"] = aggregator.pid();
    Environment environment = aggregator.name_space().tracking_on();
    environment.insert(environment.end(), trial.environment.begin(), trial.environment.end());

    Figures figures = trial.aggregator_life.count() != 0
                          ? run_under_restarts(aggregator, trial, arguments, environment)
                          : run_child(trial.role, arguments, environment);
    const stats::Snapshot snapshot = aggregator.settled_snapshot();
    const auto reported = figures.at(events_figure).get<std::uint64_t>();
    check_nothing_lost(snapshot, reported, trial.variant, result);
    figures.erase(events_figure);
    figures["coalesced_percent"] =
        100 * static_cast<double>(snapshot.events.coalesced) / static_cast<double>(reported);
    return figures;
}

}  // namespace

void run_interleaved(const Options& options, const std::vector<Trial>& trials, Result& result) {
    std::vector<Measurement> measurements;
    for (const Trial& trial : trials) measurements.push_back({trial.variant, {}});
    for (int round = 0; round < options.rounds; ++round) {
        for (std::size_t index = 0; index < trials.size(); ++index) {
            const Trial& trial = trials[index];
            measurements[index].rounds.push_back(trial.tracking == Tracking::on
                                                     ? run_tracked(options, trial, result)
                                                     : run_child(trial.role, trial.arguments, trial.environment));
        }
    }
    result.measurements.insert(result.measurements.end(), measurements.begin(), measurements.end());
}

std::string difference_note(const Result& result, std::size_t a, std::size_t b, const std::string& figure) {
    const Measurement& first = result.measurements.at(a);
    const Measurement& second = result.measurements.at(b);
    return fmt::format("{} - {}: {:.2f} ({})", first.variant, second.variant,
                       median_figure(first, figure) - median_figure(second, figure), figure);
}

std::string ratio_note(const Result& result, std::size_t a, std::size_t b, const std::string& figure) {
    const Measurement& first = result.measurements.at(a);
    const Measurement& second = result.measurements.at(b);
    return fmt::format("{} / {}: {:.1f} ({})", first.variant, second.variant,
                       median_figure(first, figure) / median_figure(second, figure), figure);
}

void sync_or_throw() {
    constexpr std::uint32_t timeout_ms = 60'000;
    const SyncResult outcome = sync(timeout_ms);
    if (outcome != SyncResult::done) {
        throw std::runtime_error(fmt::format("trackshm_sync returned {}", static_cast<int>(outcome)));
    }
}

void require_tracking() {
    if (!enabled()) throw std::runtime_error("tracking is off in a child that measures it; is /dev/shm full?");
}

}  // namespace trackshm::bench
