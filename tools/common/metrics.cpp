// SPDX-License-Identifier: Apache-2.0
//
// Names are a contract with dashboards and alerts: added, never renamed. Base units (bytes, seconds); `_total` on
// counters, which never go back, and on nothing else.
#include "common/metrics.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>

#include "common/text.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::tools {
namespace {

using stats::Device;
using stats::Exited;
using stats::Process;
using stats::Snapshot;
using stats::TypeCounters;
using stats::Usage;

constexpr auto gauge = MetricType::gauge;
constexpr auto counter = MetricType::counter;

// One metric about each `Subject`. No value: no sample.
template <class Subject>
struct Metric {
    std::string_view name;
    MetricType type;
    std::string_view help;
    std::optional<double> (*value)(const Subject&);
};

template <class Number>
constexpr std::optional<double> known(Number number) {
    return static_cast<double>(number);
}

constexpr double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

constexpr std::string_view up_name = "trackshm_up";
constexpr std::string_view up_help = "Whether an aggregator is alive and its counters can be read (1) or not (0).";

constexpr std::array<Metric<Snapshot>, 25> snapshot_metrics{{
    {up_name, gauge, up_help, [](auto& s) { return known(s.aggregator_alive); }},
    {"trackshm_exact", gauge, "Whether every figure is exact (1): nothing was lost, no process waits to be tracked.",
     [](auto& s) { return known(s.exact); }},
    {"trackshm_aggregator_starts_total", counter, "How often an aggregator has begun to serve this state.",
     [](auto& s) { return known(s.start_count); }},
    {"trackshm_publications_total", counter, "How often counters were published.",
     [](auto& s) { return known(s.publish_seq); }},
    {"trackshm_publish_age_seconds", gauge, "Time since the counters were last published; they are when they change.",
     [](auto& s) { return known(seconds(s.publish_age_ns)); }},
    {"trackshm_heartbeat_age_seconds", gauge, "Time since the aggregator last gave a sign of life.",
     [](auto& s) { return known(seconds(s.heartbeat_age_ns)); }},
    {"trackshm_events_reported_total", counter, "Events that processes have reported: the sum of what became of them.",
     [](auto& s) { return known(s.events.reported); }},
    {"trackshm_events_applied_total", counter, "Events that are in the counters.",
     [](auto& s) { return known(s.events.applied); }},
    {"trackshm_events_coalesced_total", counter, "Events that cancelled out in their process while its ring was full.",
     [](auto& s) { return known(s.events.coalesced); }},
    {"trackshm_events_dropped_total", counter, "Events that were lost.",
     [](auto& s) { return known(s.events.dropped); }},
    {"trackshm_events_pending", gauge, "Events that are reported and not yet in the counters.",
     [](auto& s) { return known(s.events.pending); }},
    {"trackshm_unknown_frees_total", counter, "Frees of an id that was not live.",
     [](auto& s) { return known(s.events.unknown_frees); }},
    {"trackshm_ambiguous_frees_total", counter, "Frees by id alone of an id that was live more than once.",
     [](auto& s) { return known(s.events.ambiguous_frees); }},
    {"trackshm_implicit_frees_total", counter, "Allocations of an id that was live: its free was never reported.",
     [](auto& s) { return known(s.events.implicit_frees); }},
    {"trackshm_rejected_events_total", counter, "Events that were invalid or beyond a limit.",
     [](auto& s) { return known(s.events.rejected); }},
    {"trackshm_processes", gauge, "Processes that are tracked now.",
     [](auto& s) { return known(s.processes.size()); }},
    {"trackshm_quarantined_processes", gauge, "Processes whose segment is corrupt; their figures are frozen.",
     [](auto& s) { return known(s.quarantined_processes); }},
    {"trackshm_waiting_processes", gauge, "Processes there is no room to track.",
     [](auto& s) { return known(s.waiting_processes); }},
    {"trackshm_usage_rows_omitted", gauge, "Rows of per-process use there was no room to publish.",
     [](auto& s) { return known(s.usage_rows_omitted); }},
    {"trackshm_exited_processes", gauge, "Ended processes on record, the newest 256 at most.",
     [](auto& s) { return known(s.exited.size()); }},
    {"trackshm_exited_processes_total", counter, "Processes that ever ended.",
     [](auto& s) { return known(s.exited_totals.processes); }},
    {"trackshm_leaked_bytes_total", counter, "Bytes that processes still held at their end, of all that ever ended.",
     [](auto& s) { return known(s.exited_totals.leaked_bytes); }},
    {"trackshm_leaked_buffers_total", counter, "Buffers that processes still held at their end, of all that ever ended.",
     [](auto& s) { return known(s.exited_totals.leaked_buffers); }},
    {"trackshm_exited_leaked_bytes", gauge, "Bytes that the ended processes on record still held at their end.",
     [](auto& s) {
         double sum = 0;
         for (const Exited& ended : s.exited) sum += static_cast<double>(ended.leaked_bytes);
         return known(sum);
     }},
    {"trackshm_exited_leaked_buffers", gauge, "Buffers that the ended processes on record still held at their end.",
     [](auto& s) {
         double sum = 0;
         for (const Exited& ended : s.exited) sum += static_cast<double>(ended.leaked_buffers);
         return known(sum);
     }},
}};

// Labels device and buffer_type.
constexpr std::array<Metric<TypeCounters>, 10> memory_metrics{{
    {"trackshm_live_bytes", gauge, "Bytes held now, by buffers and gauges.",
     [](auto& m) { return known(m.live_bytes); }},
    {"trackshm_live_buffers", gauge, "Buffers held now.",
     [](auto& m) { return known(m.live_buffers); }},
    {"trackshm_unbuffered_bytes", gauge, "The part of trackshm_live_bytes that is reported as absolute use, not by buffers.",
     [](auto& m) { return known(m.gauge_bytes); }},
    {"trackshm_peak_bytes", gauge, "Most bytes ever held in this memory.",
     [](auto& m) { return known(m.peak_bytes); }},
    {"trackshm_capacity_bytes", gauge, "Size of this memory, where a program has described it.",
     [](auto& m) { return m.capacity_bytes ? known(*m.capacity_bytes) : std::nullopt; }},
    {"trackshm_allocations_total", counter, "Buffers ever allocated.",
     [](auto& m) { return known(m.allocations_total); }},
    {"trackshm_allocated_bytes_total", counter, "Bytes ever allocated.",
     [](auto& m) { return known(m.allocated_bytes_total); }},
    {"trackshm_deallocations_total", counter, "Buffers ever released, in whichever way.",
     [](auto& m) { return known(m.deallocations_total); }},
    {"trackshm_deallocated_bytes_total", counter, "Bytes ever released, in whichever way.",
     [](auto& m) { return known(m.deallocated_bytes_total); }},
    {"trackshm_allocation_failures_total", counter, "Allocations that failed.",
     [](auto& m) { return known(m.allocation_failures_total); }},
}};

// Label device.
constexpr std::array<Metric<Device>, 2> device_metrics{{
    {"trackshm_device_peak_bytes", gauge, "Most bytes ever held on this device, all its memories together.",
     [](auto& d) { return known(d.peak_bytes); }},
    {"trackshm_device_peak_exact", gauge, "Whether the peaks of this device are exact (1) or lower bounds (0).",
     [](auto& d) { return known(d.peak_exact); }},
}};

// What to make of processes that cannot be told apart.
enum class Merge { sum, largest, smallest };

template <class Subject>
struct ProcessMetric {
    Metric<Subject> metric;
    Merge merge;
};

// Labels pid and comm.
constexpr std::array<ProcessMetric<Process>, 4> process_metrics{{
    {{"trackshm_process_exact", gauge, "Whether all figures of this process are exact (1).",
      [](auto& p) { return known(p.exact); }},
     Merge::smallest},
    {{"trackshm_process_events_reported_total", counter, "Events this process has reported.",
      [](auto& p) { return known(p.events.reported); }},
     Merge::sum},
    {{"trackshm_process_events_pending", gauge, "Events of this process that are not yet in the counters.",
      [](auto& p) { return known(p.events.pending); }},
     Merge::sum},
    {{"trackshm_process_events_dropped_total", counter, "Events of this process that were lost.",
      [](auto& p) { return known(p.events.dropped); }},
     Merge::sum},
}};

// Labels pid, comm, device and buffer_type.
constexpr std::array<ProcessMetric<Usage>, 3> usage_metrics{{
    {{"trackshm_process_live_bytes", gauge, "Bytes this process holds now in this memory.",
      [](auto& u) { return known(u.live_bytes); }},
     Merge::sum},
    {{"trackshm_process_live_buffers", gauge, "Buffers this process holds now in this memory.",
      [](auto& u) { return known(u.live_buffers); }},
     Merge::sum},
    {{"trackshm_process_peak_bytes", gauge, "Most bytes this process ever held in this memory.",
      [](auto& u) { return known(u.peak_bytes); }},
     Merge::largest},
}};

constexpr std::string_view recent_peak_name = "trackshm_device_recent_peak_bytes";
constexpr std::string_view allocation_size_name = "trackshm_allocation_size_bytes";
constexpr std::string_view aggregator_info_name = "trackshm_aggregator_info";
constexpr std::string_view device_info_name = "trackshm_device_info";
constexpr std::string_view build_info_name = "trackshm_build_info";

MetricLabels labels_of(const Device& device) { return {{"device", std::to_string(device.device)}}; }

MetricLabels labels_of(const Device& device, const TypeCounters& memory) {
    return {{"device", std::to_string(device.device)}, {"buffer_type", std::string(stats::type_name(memory.type))}};
}

MetricLabels labels_of(const Process& process) {
    return {{"pid", std::to_string(process.pid)}, {"comm", printable(process.comm)}};
}

MetricLabels labels_of(const Process& process, const Usage& usage) {
    MetricLabels labels = labels_of(process);
    labels.emplace_back("device", std::to_string(usage.device));
    labels.emplace_back("buffer_type", stats::type_name(usage.type));
    return labels;
}

template <class Subject>
MetricFamily empty_family(const Metric<Subject>& metric) {
    return {metric.name, metric.help, metric.type, {}};
}

template <class Subject>
void add_sample(MetricFamily& family, const Metric<Subject>& metric, const Subject& subject, MetricLabels labels) {
    if (const auto value = metric.value(subject)) family.samples.push_back({std::move(labels), *value});
}

// The samples of a family of processes. A pid names one process, but for the 0 of all that the aggregator cannot see,
// and for the moment of an exec; two samples with the same labels would spoil the whole exposition.
class MergedSamples {
public:
    explicit MergedSamples(Merge merge) : merge_(merge) {}

    void add(MetricLabels labels, double value) {
        const auto [position, is_new] = samples_.try_emplace(std::move(labels), value);
        if (is_new) return;
        double& merged = position->second;
        switch (merge_) {
            case Merge::sum: merged += value; break;
            case Merge::largest: merged = std::max(merged, value); break;
            case Merge::smallest: merged = std::min(merged, value); break;
        }
    }

    std::vector<MetricSample> take() const {
        std::vector<MetricSample> result;
        for (const auto& [labels, value] : samples_) result.push_back({labels, value});
        return result;
    }

private:
    Merge merge_;
    std::map<MetricLabels, double> samples_;
};

MetricFamily aggregator_info(const Snapshot& snapshot) {
    return {aggregator_info_name,
            "The aggregator these figures are of; always 1.",
            gauge,
            {{{{"namespace", snapshot.name_space}, {"pid", std::to_string(snapshot.aggregator_pid)}}, 1}}};
}

MetricFamily device_info(const Snapshot& snapshot) {
    MetricFamily family{device_info_name, "What a device calls itself; always 1.", gauge, {}};
    for (const Device& device : snapshot.devices) {
        MetricLabels labels = labels_of(device);
        labels.emplace_back("name", printable(device.name));
        family.samples.push_back({std::move(labels), 1});
    }
    return family;
}

// With a scrape at least as often as the shorter window is long, no spike goes unseen between two.
MetricFamily recent_peaks(const Snapshot& snapshot) {
    MetricFamily family{recent_peak_name, "Most bytes held at once on this device within the window.", gauge, {}};
    const auto add = [&](const Device& device, const char* window, std::uint64_t bytes) {
        MetricLabels labels = labels_of(device);
        labels.emplace_back("window", window);
        family.samples.push_back({std::move(labels), static_cast<double>(bytes)});
    };
    for (const Device& device : snapshot.devices) {
        add(device, "15s", device.peak_15s_bytes);
        add(device, "60s", device.peak_60s_bytes);
    }
    return family;
}

// Powers of 4 from 256 B to 64 GiB, the same for every memory, so that histograms can be added up. Limits of size classes
// lie there, too, so that each bucket is exact.
constexpr unsigned first_bucket_bits = 8;
constexpr unsigned last_bucket_bits = 36;
constexpr unsigned bucket_bits_step = 2;

std::vector<HistogramBucket> size_buckets(const std::vector<stats::SizeClass>& classes, std::uint64_t allocations) {
    std::vector<HistogramBucket> buckets;
    std::uint64_t of_known_size = 0;
    auto next = classes.begin();
    for (unsigned bits = first_bucket_bits; bits <= last_bucket_bits; bits += bucket_bits_step) {
        const std::uint64_t bound = std::uint64_t{1} << bits;
        for (; next != classes.end() && next->le_bytes <= bound; ++next) of_known_size += next->allocated_total;
        buckets.push_back({static_cast<double>(bound), of_known_size});
    }
    for (; next != classes.end(); ++next) of_known_size += next->allocated_total;
    // The classes are published on their own and may be newer than the count.
    buckets.push_back({std::numeric_limits<double>::infinity(), std::max(allocations, of_known_size)});
    return buckets;
}

MetricFamily allocation_sizes(const Snapshot& snapshot, const stats::Details& details) {
    MetricFamily family{allocation_size_name,
                        "Sizes of the buffers ever allocated. Those that came and went while a ring was full are in the "
                        "last bucket, as their sizes are not known.",
                        MetricType::histogram,
                        {}};
    for (const Device& device : snapshot.devices) {
        const stats::DeviceDetails* const found = details.find(device.device);
        if (found == nullptr) continue;
        for (const TypeCounters& memory : device.types) {
            const auto same_type = [&](const stats::TypeDetails& type) { return type.type == memory.type; };
            const auto type = std::find_if(found->types.begin(), found->types.end(), same_type);
            if (type == found->types.end() || memory.allocations_total == 0) continue;
            family.samples.push_back({labels_of(device, memory), static_cast<double>(memory.allocated_bytes_total),
                                      size_buckets(type->size_histogram, memory.allocations_total)});
        }
    }
    return family;
}

void add_processes(std::vector<MetricFamily>& families, const Snapshot& snapshot) {
    for (const auto& [metric, merge] : process_metrics) {
        MergedSamples samples(merge);
        for (const Process& process : snapshot.processes) {
            // A sum of counters goes back when one of them ends, and a rate of it would be nonsense.
            if (process.pid == 0 && metric.type == counter) continue;
            samples.add(labels_of(process), *metric.value(process));
        }
        families.push_back({metric.name, metric.help, metric.type, samples.take()});
    }
    for (const auto& [metric, merge] : usage_metrics) {
        MergedSamples samples(merge);
        for (const Process& process : snapshot.processes) {
            for (const Usage& usage : process.usage) samples.add(labels_of(process, usage), *metric.value(usage));
        }
        families.push_back({metric.name, metric.help, metric.type, samples.take()});
    }
}

}  // namespace

std::vector<MetricFamily> metrics_of(const Snapshot& snapshot, const stats::Details& details,
                                     const MetricsOptions& options) {
    std::vector<MetricFamily> families;
    families.push_back(aggregator_info(snapshot));
    for (const auto& metric : snapshot_metrics) {
        add_sample(families.emplace_back(empty_family(metric)), metric, snapshot, {});
    }
    families.push_back(device_info(snapshot));
    for (const auto& metric : device_metrics) {
        MetricFamily& family = families.emplace_back(empty_family(metric));
        for (const Device& device : snapshot.devices) add_sample(family, metric, device, labels_of(device));
    }
    for (const auto& metric : memory_metrics) {
        MetricFamily& family = families.emplace_back(empty_family(metric));
        for (const Device& device : snapshot.devices) {
            for (const TypeCounters& memory : device.types) {
                add_sample(family, metric, memory, labels_of(device, memory));
            }
        }
    }
    families.push_back(recent_peaks(snapshot));
    families.push_back(allocation_sizes(snapshot, details));
    if (options.processes) add_processes(families, snapshot);
    std::erase_if(families, [](const MetricFamily& family) { return family.samples.empty(); });
    return families;
}

MetricFamily metric_of_no_snapshot() { return {up_name, up_help, gauge, {{{}, 0}}}; }

MetricFamily metric_of_build() {
    return {build_info_name,
            "The version of the program that serves these metrics; always 1.",
            gauge,
            {{{{"version", TRACKSHM_VERSION}, {"layout", std::to_string(shm::layout_version)}}, 1}}};
}

std::vector<std::string_view> metric_names() {
    std::vector<std::string_view> names{aggregator_info_name, device_info_name, build_info_name, recent_peak_name,
                                        allocation_size_name};
    for (const auto& metric : snapshot_metrics) names.push_back(metric.name);
    for (const auto& metric : device_metrics) names.push_back(metric.name);
    for (const auto& metric : memory_metrics) names.push_back(metric.name);
    for (const auto& entry : process_metrics) names.push_back(entry.metric.name);
    for (const auto& entry : usage_metrics) names.push_back(entry.metric.name);
    return names;
}

}  // namespace trackshm::tools
