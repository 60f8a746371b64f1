// SPDX-License-Identifier: Apache-2.0
#include "shm_exporter/process_limit.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

// Processes 1..count; process p holds p bytes in one buffer and has dropped p events.
stats::Snapshot crowd(int count) {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.processes.clear();
    for (int pid = 1; pid <= count; ++pid) {
        stats::Process holder = process(pid, "job");
        add_usage(holder, 3, dram, static_cast<std::uint64_t>(pid), 1);
        holder.events.dropped = static_cast<std::uint64_t>(pid);
        snapshot.processes.push_back(holder);
    }
    return snapshot;
}

std::vector<MetricFamily> families_of(stats::Snapshot snapshot, std::size_t limit) {
    merge_processes_beyond(limit, snapshot);
    auto families = metrics_of(snapshot, sample_details(), {.processes = true});
    drop_what_does_not_add_up(families);
    return families;
}

const MetricFamily& family_of(const std::vector<MetricFamily>& families, std::string_view name) {
    const auto found = std::find_if(families.begin(), families.end(), [&](auto& family) { return family.name == name; });
    INFO(name);
    REQUIRE(found != families.end());
    return *found;
}

std::set<std::string> pids_of(const MetricFamily& family) {
    std::set<std::string> pids;
    for (const MetricSample& sample : family.samples) pids.insert(sample.labels.at(0).second);
    return pids;
}

double sum_of(const MetricFamily& family) {
    double sum = 0;
    for (const MetricSample& sample : family.samples) sum += sample.value;
    return sum;
}

}  // namespace

TEST_CASE("the processes that hold the most keep their series and the others are one") {
    const auto families = families_of(crowd(100), 3);
    const MetricFamily& live = family_of(families, "trackshm_process_live_bytes");
    CHECK(pids_of(live) == std::set<std::string>{"100", "99", "98", "0"});
    CHECK(live.samples.size() == 4);
    CHECK(sum_of(live) == 100 * 101 / 2);
    CHECK(sum_of(family_of(families, "trackshm_process_live_buffers")) == 100);
    CHECK(family_of(families, "trackshm_processes").samples.at(0).value == 100);
}

TEST_CASE("a sum over processes that change is no counter") {
    const auto families = families_of(crowd(100), 3);
    CHECK(pids_of(family_of(families, "trackshm_process_events_dropped_total")) ==
          std::set<std::string>{"100", "99", "98"});
    for (const MetricFamily& family : families_of(crowd(5), 0)) {
        INFO(family.name);
        CHECK_FALSE(family.samples.empty());
    }
}

TEST_CASE("the largest of several peaks is no peak of theirs") {
    CHECK(pids_of(family_of(families_of(crowd(100), 3), "trackshm_process_peak_bytes")) ==
          std::set<std::string>{"100", "99", "98"});
}

TEST_CASE("as many processes as may have series are left as they are") {
    for (const std::size_t limit : {std::size_t{4}, std::size_t{5}}) {
        const auto families = families_of(crowd(4), limit);
        CHECK(pids_of(family_of(families, "trackshm_process_live_bytes")) ==
              std::set<std::string>{"1", "2", "3", "4"});
    }
}

}  // namespace trackshm::tools
