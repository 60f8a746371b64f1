// SPDX-License-Identifier: Apache-2.0
//
// How configurations are compared: in rounds that take each of them once, so that a machine which slows down half-way
// slows all of them down.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/process.hpp"
#include "harness/registry.hpp"

namespace trackshm::bench {

enum class Tracking { off, on };

// One configuration: a role, its arguments, and the world it runs in.
struct Trial {
    std::string variant;
    std::string role;
    nlohmann::json arguments = nlohmann::json::object();
    Tracking tracking = Tracking::on;  // on: with an aggregator of its own, and a check that no event was lost
    Environment environment = {};      // in addition
    std::chrono::milliseconds aggregator_life{0};  // after so long it is killed and the next one started; 0: it stays
};

// Measures every trial options.rounds times, alternating. A role that runs tracked must return the figure `events`:
// all the events it reported, and must have freed all it allocated. Its argument `aggregator_pid` is added.
void run_interleaved(const Options& options, const std::vector<Trial>& trials, Result& result);

// "`variant a` - `variant b`: 0.30 (p50_ns)" and "`variant a` / `variant b`: 120 (mean_ns)", of the medians over the
// rounds; a and b are indices in result.measurements.
std::string difference_note(const Result& result, std::size_t a, std::size_t b, const std::string& figure);
std::string ratio_note(const Result& result, std::size_t a, std::size_t b, const std::string& figure);

// Waits until all this process reported is in the counters; throws unless that succeeds.
void sync_or_throw();
// Throws unless the process is tracked.
void require_tracking();

}  // namespace trackshm::bench
