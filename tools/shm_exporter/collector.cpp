// SPDX-License-Identifier: Apache-2.0
#include "shm_exporter/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/command_line.hpp"
#include "shm_exporter/process_limit.hpp"

namespace trackshm::tools {
namespace {

prometheus::MetricType to_prometheus(MetricType type) {
    switch (type) {
        case MetricType::gauge: return prometheus::MetricType::Gauge;
        case MetricType::counter: return prometheus::MetricType::Counter;
        case MetricType::histogram: return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric::Histogram to_histogram(const MetricSample& sample) {
    prometheus::ClientMetric::Histogram histogram;
    histogram.sample_sum = sample.value;
    for (const HistogramBucket& bucket : sample.buckets) {
        histogram.bucket.push_back({bucket.cumulative_count, bucket.upper_bound});
        histogram.sample_count = bucket.cumulative_count;  // the last bucket has no bound
    }
    return histogram;
}

prometheus::ClientMetric to_prometheus(const MetricSample& sample, MetricType type, const std::string& name_space) {
    prometheus::ClientMetric metric;
    bool has_namespace = name_space.empty();
    for (const auto& [name, value] : sample.labels) {
        has_namespace = has_namespace || name == "namespace";
        metric.label.push_back({name, value});
    }
    if (!has_namespace) metric.label.insert(metric.label.begin(), {"namespace", name_space});
    switch (type) {
        case MetricType::gauge: metric.gauge.value = sample.value; break;
        case MetricType::counter: metric.counter.value = sample.value; break;
        case MetricType::histogram: metric.histogram = to_histogram(sample); break;
    }
    return metric;
}

// A family stands once in an exposition, whatever namespaces its samples are of.
void append(std::vector<prometheus::MetricFamily>& families, prometheus::MetricFamily family) {
    const auto same_name = [&](const prometheus::MetricFamily& other) { return other.name == family.name; };
    const auto found = std::find_if(families.begin(), families.end(), same_name);
    if (found == families.end()) {
        families.push_back(std::move(family));
    } else {
        found->metric.insert(found->metric.end(), family.metric.begin(), family.metric.end());
    }
}

}  // namespace

prometheus::MetricFamily to_prometheus(const MetricFamily& family, const std::string& name_space) {
    prometheus::MetricFamily result;
    result.name = family.name;
    result.help = family.help;
    result.type = to_prometheus(family.type);
    for (const MetricSample& sample : family.samples) {
        result.metric.push_back(to_prometheus(sample, family.type, name_space));
    }
    return result;
}

std::vector<prometheus::MetricFamily> Collector::Collect() const {
    std::vector<prometheus::MetricFamily> result{to_prometheus(metric_of_build(), "")};
    for (const std::string& name_space : options_.name_spaces) {
        for (const MetricFamily& family : read(name_space)) append(result, to_prometheus(family, name_space));
    }
    return result;
}

// Opens anew for each scrape: so an aggregator that was restarted, or a user's own that has come since, is found
// without keeping track of any. Against the seconds between scrapes a mapping costs nothing.
std::vector<MetricFamily> Collector::read(const std::string& name_space) const {
    stats::Error error;
    stats::Snapshot snapshot;
    stats::Details details;
    auto reader = stats::Reader::open(name_space, error);
    const bool can_read = reader && reader->read(snapshot, error) && reader->read_details(details, error);
    if (can_read && !snapshot.aggregator_alive) error.message = "its aggregator is gone";  // between open and read
    if (!can_read || !snapshot.aggregator_alive) {
        note(name_space, error.message);
        return {metric_of_no_snapshot()};
    }
    note(name_space, "");
    if (options_.per_process) merge_processes_beyond(options_.max_processes, snapshot);
    auto families = metrics_of(snapshot, details, {.processes = options_.per_process});
    drop_what_does_not_add_up(families);
    return families;
}

// Says what is wrong once, and once that it is over.
void Collector::note(const std::string& name_space, const std::string& problem) const {
    const std::lock_guard lock(mutex_);
    const std::string last = std::exchange(problems_[name_space], problem);
    if (last.empty() == problem.empty()) return;
    print_error("shm_exporter", problem.empty() ? fmt::format("namespace {} is served again", name_space)
                                                : fmt::format("trackshm_up is 0 for namespace {}: {}", name_space, problem));
}

}  // namespace trackshm::tools
