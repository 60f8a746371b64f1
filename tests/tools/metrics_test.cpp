// SPDX-License-Identifier: Apache-2.0
#include "common/metrics.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

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
    const auto families = metrics_of(sample_snapshot());
    CHECK(value_of(families, "trackshm_up", {}) == 1);
    CHECK(value_of(families, "trackshm_live_bytes", {{"device", "0"}, {"buffer_type", "DRAM"}}) == 300 * MiB);
    CHECK(value_of(families, "trackshm_live_buffers", {{"device", "0"}, {"buffer_type", "L1"}}) == 1);
    CHECK(value_of(families, "trackshm_device_peak_bytes", {{"device", "0"}}) == 310 * MiB);
    CHECK(value_of(families, "trackshm_device_info", {{"device", "0"}, {"name", "mesh (0,1)"}}) == 1);
    CHECK(value_of(families, "trackshm_events_reported_total", {}) == 5);
    CHECK(value_of(families, "trackshm_exited_leaked_bytes", {}) == 7);
}

TEST_CASE("an unknown capacity has no sample") {
    const auto families = metrics_of(sample_snapshot());
    const MetricFamily* capacity = find(families, "trackshm_capacity_bytes");
    REQUIRE(capacity != nullptr);
    CHECK(capacity->samples.size() == 1);
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].types[0].capacity_bytes.reset();
    CHECK(find(metrics_of(snapshot), "trackshm_capacity_bytes") == nullptr);
}

TEST_CASE("processes have series only where they are asked for") {
    CHECK(find(metrics_of(sample_snapshot()), "trackshm_process_live_bytes") == nullptr);
    const auto families = metrics_of(sample_snapshot(), {.processes = true});
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
    const auto families = metrics_of(snapshot, {.processes = true});
    const MetricLabels labels{{"pid", "0"}, {"comm", "job"}, {"device", "3"}, {"buffer_type", "DRAM"}};
    CHECK(value_of(families, "trackshm_process_live_bytes", labels) == 120);
    CHECK(value_of(families, "trackshm_process_live_buffers", labels) == 3);
    CHECK(value_of(families, "trackshm_process_peak_bytes", labels) == 100);
    CHECK(value_of(families, "trackshm_process_exact", {{"pid", "0"}, {"comm", "job"}}) == 0);
}

TEST_CASE("no family has two samples with the same labels") {
    for (const MetricFamily& family : metrics_of(sample_snapshot(), {.processes = true})) {
        std::set<MetricLabels> seen;
        for (const MetricSample& sample : family.samples) CHECK(seen.insert(sample.labels).second);
    }
}

TEST_CASE("metric names are prefixed, listed once, and end in _total where they count and nowhere else") {
    const auto names = metric_names();
    CHECK(std::set<std::string_view>(names.begin(), names.end()).size() == names.size());
    stats::Snapshot snapshot = sample_snapshot();
    auto families = metrics_of(snapshot, {.processes = true});
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

TEST_CASE("without a snapshot there is one metric, which says so") {
    const MetricFamily family = metric_of_no_snapshot();
    CHECK(family.name == "trackshm_up");
    REQUIRE(family.samples.size() == 1);
    CHECK(family.samples[0].value == 0);
}

}  // namespace
}  // namespace trackshm::tools
