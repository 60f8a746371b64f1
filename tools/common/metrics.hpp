// SPDX-License-Identifier: Apache-2.0
//
// A snapshot as metrics in Prometheus's terms. Every metric name there is stands in metrics.cpp and nowhere else;
// `shmtop --format prom` prints these families, and whoever serves them over HTTP converts them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

enum class MetricType { gauge, counter, histogram };

// Name and value, in the order in which they are shown. Values are printable, not escaped.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

struct HistogramBucket {
    double upper_bound = 0;              // inclusive; the last one is infinity
    std::uint64_t cumulative_count = 0;  // of all observations up to there
};

struct MetricSample {
    MetricLabels labels;
    double value = 0;  // gauge, counter; of a histogram the sum of the observations
    std::vector<HistogramBucket> buckets{};  // histogram
};

struct MetricFamily {
    std::string_view name;
    std::string_view help;
    MetricType type = MetricType::gauge;
    std::vector<MetricSample> samples;  // no two with the same labels
};

// `processes`: one series per process and memory, too. Their number has no bound that a monitoring system likes.
struct MetricsOptions {
    bool processes = false;
};

// Families without a sample are left out.
std::vector<MetricFamily> metrics_of(const stats::Snapshot& snapshot, const stats::Details& details,
                                     const MetricsOptions& options = {});

// The one family there is when no snapshot can be read: trackshm_up is 0.
MetricFamily metric_of_no_snapshot();

// trackshm_build_info: of the program that asks.
MetricFamily metric_of_build();

// Every name that these functions may give.
std::vector<std::string_view> metric_names();

}  // namespace trackshm::tools
