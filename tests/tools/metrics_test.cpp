// SPDX-License-Identifier: Apache-2.0
#include "common/metrics.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <string>

#include "support/temporary_directory.hpp"
#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

const MetricFamily* find(const std::vector<MetricFamily>& families, std::string_view name) {
    const auto found = std::find_if(families.begin(), families.end(), [&](auto& family) { return family.name == name; });
    return found == families.end() ? nullptr : &*found;
}

double value_of(const std::vector<MetricFamily>& families, std::string_view name, const MetricLabels& labels) {
    const MetricFamily* family = find(families, name);
    INFO(name);
    REQUIRE(family != nullptr);
    for (const MetricSample& sample : family->samples) {
        if (sample.labels == labels) return sample.value;
    }
    FAIL("no sample with these labels");
    return 0;
}

TEST_CASE("metrics carry the figures of the snapshot under the labels device and buffer_type") {
    const auto families = metrics_of(sample_snapshot(), sample_details());
    CHECK(value_of(families, "trackshm_up", {}) == 1);
    CHECK(value_of(families, "trackshm_live_bytes", {{"device", "0"}, {"buffer_type", "DRAM"}}) == 300 * MiB);
    CHECK(value_of(families, "trackshm_live_buffers", {{"device", "0"}, {"buffer_type", "L1"}}) == 1);
    CHECK(value_of(families, "trackshm_device_peak_bytes", {{"device", "0"}}) == 310 * MiB);
    CHECK(value_of(families, "trackshm_device_info", {{"device", "0"}, {"name", "mesh (0,1)"}}) == 1);
    CHECK(value_of(families, "trackshm_events_reported_total", {}) == 5);
    CHECK(value_of(families, "trackshm_exited_leaked_bytes", {}) == 7);
    CHECK(value_of(families, "trackshm_exited_processes_total", {}) == 2);
    CHECK(value_of(families, "trackshm_leaked_bytes_total", {}) == 14);
    CHECK(value_of(families, "trackshm_leaked_buffers_total", {}) == 2);
}

TEST_CASE("recent peaks have a series for each window") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].peak_15s_bytes = 11;
    snapshot.devices[0].peak_60s_bytes = 22;
    const auto families = metrics_of(snapshot, sample_details());
    CHECK(value_of(families, "trackshm_device_recent_peak_bytes", {{"device", "0"}, {"window", "15s"}}) == 11);
    CHECK(value_of(families, "trackshm_device_recent_peak_bytes", {{"device", "0"}, {"window", "60s"}}) == 22);
}

TEST_CASE("a histogram of sizes counts each class in the buckets that hold all of it") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].types = {memory(dram, 0, 0)};
    snapshot.devices[0].types[0].allocations_total = 20;
    snapshot.devices[0].types[0].allocated_bytes_total = 12345;
    stats::Details details;
    details.devices.resize(1);
    details.devices[0].types = {{dram, {{1, 1, 0}, {256, 2, 0}, {512, 3, 0}, {std::uint64_t{1} << 36, 4, 0},
                                        {std::uint64_t{1} << 47, 5, 0}}}};
    const auto families = metrics_of(snapshot, details);
    const MetricFamily* sizes = find(families, "trackshm_allocation_size_bytes");
    REQUIRE(sizes != nullptr);
    CHECK(sizes->type == MetricType::histogram);
    REQUIRE(sizes->samples.size() == 1);
    const MetricSample& sample = sizes->samples[0];
    CHECK(sample.labels == MetricLabels{{"device", "0"}, {"buffer_type", "DRAM"}});
    CHECK(sample.value == 12345);
    REQUIRE(sample.buckets.size() == 16);
    CHECK(sample.buckets[0].upper_bound == 256);
    CHECK(sample.buckets[0].cumulative_count == 3);
    CHECK(sample.buckets[1].upper_bound == 1024);
    CHECK(sample.buckets[1].cumulative_count == 6);
    CHECK(sample.buckets[14].upper_bound == 64.0 * 1024 * MiB);
    CHECK(sample.buckets[14].cumulative_count == 10);
    CHECK(std::isinf(sample.buckets[15].upper_bound));
    CHECK(sample.buckets[15].cumulative_count == 20);  // five of unknown size
}

TEST_CASE("the buckets of a histogram never go down, also with details newer than the counts") {
    for (const MetricFamily& family : metrics_of(sample_snapshot(), sample_details())) {
        if (family.type != MetricType::histogram) continue;
        CHECK(family.samples.size() == 3);
        for (const MetricSample& sample : family.samples) {
            CHECK(std::is_sorted(sample.buckets.begin(), sample.buckets.end(), [](const auto& a, const auto& b) {
                return a.cumulative_count < b.cumulative_count;
            }));
        }
    }
}

TEST_CASE("an unknown capacity has no sample") {
    const auto families = metrics_of(sample_snapshot(), sample_details());
    const MetricFamily* capacity = find(families, "trackshm_capacity_bytes");
    REQUIRE(capacity != nullptr);
    CHECK(capacity->samples.size() == 1);
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].types[0].capacity_bytes.reset();
    CHECK(find(metrics_of(snapshot, sample_details()), "trackshm_capacity_bytes") == nullptr);
}

TEST_CASE("processes have series only where they are asked for") {
    CHECK(find(metrics_of(sample_snapshot(), sample_details()), "trackshm_process_live_bytes") == nullptr);
    const auto families = metrics_of(sample_snapshot(), sample_details(), {.processes = true});
    const MetricLabels labels{{"pid", "20"}, {"comm", "big"}, {"device", "0"}, {"buffer_type", "L1"}};
    CHECK(value_of(families, "trackshm_process_live_bytes", labels) == 10 * MiB);
    CHECK(value_of(families, "trackshm_process_exact", {{"pid", "20"}, {"comm", "big"}}) == 1);
}

TEST_CASE("processes that cannot be told apart share one series") {
    stats::Snapshot snapshot = sample_snapshot();
    stats::Process first = process(0, "job");
    add_usage(first, 3, dram, 100, 1);
    stats::Process second = process(0, "job");
    add_usage(second, 3, dram, 20, 2);
    second.exact = false;
    snapshot.processes = {first, second};
    const auto families = metrics_of(snapshot, sample_details(), {.processes = true});
    const MetricLabels labels{{"pid", "0"}, {"comm", "job"}, {"device", "3"}, {"buffer_type", "DRAM"}};
    CHECK(value_of(families, "trackshm_process_live_bytes", labels) == 120);
    CHECK(value_of(families, "trackshm_process_live_buffers", labels) == 3);
    CHECK(value_of(families, "trackshm_process_peak_bytes", labels) == 100);
    CHECK(value_of(families, "trackshm_process_exact", {{"pid", "0"}, {"comm", "job"}}) == 0);
    CHECK(find(families, "trackshm_process_events_reported_total") == nullptr);  // it would go back when one ends
}

TEST_CASE("no family has two samples with the same labels") {
    for (const MetricFamily& family : metrics_of(sample_snapshot(), sample_details(), {.processes = true})) {
        std::set<MetricLabels> seen;
        for (const MetricSample& sample : family.samples) CHECK(seen.insert(sample.labels).second);
    }
}

TEST_CASE("names reach labels without control characters") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = hostile_name;
    snapshot.processes[1].comm = hostile_name;
    const auto families = metrics_of(snapshot, {}, {.processes = true});
    CHECK(value_of(families, "trackshm_device_info", {{"device", "0"}, {"name", harmless_name}}) == 1);
    CHECK(value_of(families, "trackshm_process_exact", {{"pid", "20"}, {"comm", harmless_name}}) == 1);
}

TEST_CASE("metric names are prefixed, listed once, and end in _total where they count and nowhere else") {
    const auto names = metric_names();
    CHECK(std::set<std::string_view>(names.begin(), names.end()).size() == names.size());
    stats::Snapshot snapshot = sample_snapshot();
    auto families = metrics_of(snapshot, sample_details(), {.processes = true});
    families.push_back(metric_of_build());
    CHECK(families.size() == names.size());
    for (const MetricFamily& family : families) {
        CAPTURE(family.name);
        CHECK(std::count(names.begin(), names.end(), family.name) == 1);
        CHECK(family.name.starts_with("trackshm_"));
        CHECK(family.name.ends_with("_total") == (family.type == MetricType::counter));
        CHECK_FALSE(family.help.empty());
    }
}

TEST_CASE("every metric is in the page about scripts") {
    const std::string page = test::read_file(SCRIPTING_PAGE_PATH);
    for (const std::string_view name : metric_names()) {
        CAPTURE(name);
        CHECK(page.find("`" + std::string(name) + "`") != std::string::npos);
    }
}

TEST_CASE("without a snapshot there is one metric, which says so") {
    const MetricFamily family = metric_of_no_snapshot();
    CHECK(family.name == "trackshm_up");
    REQUIRE(family.samples.size() == 1);
    CHECK(family.samples[0].value == 0);
}

}  // namespace
}  // namespace trackshm::tools
