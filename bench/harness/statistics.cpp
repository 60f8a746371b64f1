// SPDX-License-Identifier: Apache-2.0
#include "harness/statistics.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace trackshm::bench {

std::uint64_t now_ns() noexcept {
    const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since_boot).count());
}

double percentile(const std::vector<double>& sorted, double percent) noexcept {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
    return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

BatchTimes::BatchTimes(std::uint64_t events_per_batch, std::uint64_t expected_batches)
    : events_per_batch_(static_cast<double>(events_per_batch)) {
    // Touches the memory now, so that no page fault falls into a measured batch.
    samples_ns_.resize(expected_batches);
    samples_ns_.clear();
}

double BatchTimes::mean_ns() const noexcept {
    const double total_ns = std::accumulate(samples_ns_.begin(), samples_ns_.end(), 0.0);
    return total_ns / (static_cast<double>(samples_ns_.size()) * events_per_batch_);
}

void BatchTimes::merge(const BatchTimes& other) {
    samples_ns_.insert(samples_ns_.end(), other.samples_ns_.begin(), other.samples_ns_.end());
}

void BatchTimes::summarize(Figures& figures) const {
    std::vector<double> sorted = samples_ns_;
    std::sort(sorted.begin(), sorted.end());
    figures["mean_ns"] = mean_ns();
    figures["p50_ns"] = percentile(sorted, 50) / events_per_batch_;
    figures["p90_ns"] = percentile(sorted, 90) / events_per_batch_;
    figures["p99_ns"] = percentile(sorted, 99) / events_per_batch_;
    figures["p99_9_ns"] = percentile(sorted, 99.9) / events_per_batch_;
    figures["max_batch_us"] = sorted.back() / 1000;
}

Figures across_rounds(const std::vector<Figures>& rounds) {
    Figures result = Figures::object();
    for (const auto& [name, first] : rounds.front().items()) {
        std::vector<double> values;
        for (const Figures& round : rounds) values.push_back(round.at(name).get<double>());
        const bool is_maximum = name.rfind("max_", 0) == 0;
        result[name] = is_maximum ? *std::max_element(values.begin(), values.end()) : median(values);
    }
    return result;
}

}  // namespace trackshm::bench
