// SPDX-License-Identifier: Apache-2.0
//
// Time stamps, and what many measurements come down to.
#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

namespace trackshm::bench {

using Figures = nlohmann::ordered_json;  // a flat object: name of a figure (its unit last) -> number

std::uint64_t now_ns() noexcept;

// Nearest rank: the smallest sample that `percent` of all samples do not exceed. `sorted` must not be empty.
double percentile(const std::vector<double>& sorted, double percent) noexcept;
double median(std::vector<double> values);

// The time per event within batches of events.
class BatchTimes {
public:
    BatchTimes(std::uint64_t events_per_batch, std::uint64_t expected_batches);

    void start() noexcept { last_ns_ = now_ns(); }
    // Ends a batch and starts the next: one look at the clock per batch.
    void lap() noexcept {
        const std::uint64_t now = now_ns();
        samples_ns_.push_back(static_cast<double>(now - last_ns_));
        last_ns_ = now;
    }

    double mean_ns() const noexcept;  // per event
    void merge(const BatchTimes& other);
    // Adds mean_ns, p50_ns, p90_ns, p99_ns, p99_9_ns (all per event) and max_batch_us (a whole batch).
    void summarize(Figures& figures) const;

private:
    double events_per_batch_;
    std::uint64_t last_ns_ = 0;
    std::vector<double> samples_ns_;  // whole batches
};

// One figure of the rounds: their median; of a figure named max_*, their maximum.
Figures across_rounds(const std::vector<Figures>& rounds);

}  // namespace trackshm::bench
