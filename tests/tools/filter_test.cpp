// SPDX-License-Identifier: Apache-2.0
#include "shmtop/filter.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

std::vector<std::int32_t> pids_of(const stats::Snapshot& snapshot) {
    std::vector<std::int32_t> pids;
    for (const auto& row : snapshot.processes) pids.push_back(row.pid);
    return pids;
}

stats::Snapshot filtered(const Filter& filter) {
    stats::Snapshot snapshot = sample_snapshot();
    apply_filter(filter, snapshot);
    return snapshot;
}

// The details under a filter of these lists; an empty one chooses all.
stats::Details filtered_details(const std::vector<std::string>& devices, const std::vector<std::string>& pids,
                                const std::vector<std::string>& types) {
    Filter filter;
    std::string problem;
    REQUIRE(add_devices(filter, devices, problem));
    REQUIRE(add_pids(filter, pids, problem));
    REQUIRE(add_types(filter, types, problem));
    stats::Details details = sample_details();
    apply_filter(filter, details);
    return details;
}

TEST_CASE("without a filter all stays and processes come by live bytes") {
    const stats::Snapshot snapshot = filtered({});
    CHECK(snapshot.devices.size() == 3);
    CHECK(snapshot.exited.size() == 1);
    CHECK(pids_of(snapshot) == std::vector<std::int32_t>{20, 10});
}

TEST_CASE("choosing devices limits devices and what processes hold there") {
    Filter filter;
    std::string problem;
    REQUIRE(add_devices(filter, {"3,5-6"}, problem));
    const stats::Snapshot snapshot = filtered(filter);
    REQUIRE(snapshot.devices.size() == 1);
    CHECK(snapshot.devices[0].device == 3);
    CHECK(pids_of(snapshot) == std::vector<std::int32_t>{10});
}

TEST_CASE("choosing types limits live figures, and the peak where one memory is left") {
    Filter filter;
    std::string problem;
    REQUIRE(add_types(filter, {"l1"}, problem));
    const stats::Snapshot snapshot = filtered(filter);
    REQUIRE(snapshot.devices.size() == 1);
    CHECK(snapshot.devices[0].live_bytes() == 10 * MiB);
    CHECK(snapshot.devices[0].peak_bytes == 10 * MiB);
    REQUIRE(snapshot.processes.size() == 1);
    CHECK(snapshot.processes[0].live_bytes == 10 * MiB);
    CHECK(snapshot.processes[0].live_buffers == 1);
    CHECK(snapshot.processes[0].peak_bytes == 10 * MiB);
}

TEST_CASE("types are taken by name in any case, by number and by range") {
    for (const char* list : {"DRAM,L1", "dram,l1", "0,1", "0-1", "dram,1"}) {
        CAPTURE(list);
        Filter filter;
        std::string problem;
        REQUIRE(add_types(filter, {list}, problem));
        CHECK(filter.types.contains(dram));
        CHECK(filter.types.contains(l1));
        CHECK_FALSE(filter.types.contains(2));
    }
    Filter filter;
    std::string problem;
    CHECK(add_types(filter, {"type_15"}, problem));
    for (const char* list : {"", "DRAM,", "16", "0-16", "SRAM"}) {
        CAPTURE(list);
        CHECK_FALSE(add_types(filter, {list}, problem));
        CHECK_FALSE(problem.empty());
    }
}

TEST_CASE("choosing devices limits the details to them") {
    const stats::Details details = filtered_details({"3"}, {}, {});
    REQUIRE(details.devices.size() == 1);
    CHECK(details.devices[0].device == 3);
    CHECK(details.find(0) == nullptr);
}

TEST_CASE("choosing types moves the other holders of a peak to its rest, so that its sum stays") {
    const stats::Details details = filtered_details({}, {}, {"L1"});
    const stats::DeviceDetails& device = *details.find(0);
    REQUIRE(device.at_peak->holders.size() == 1);
    CHECK(device.at_peak->holders[0].type == l1);
    CHECK(device.at_peak->holders[0].bytes + device.at_peak->rest_bytes == device.at_peak->bytes);
    REQUIRE(device.types.size() == 1);
    CHECK(device.types[0].type == l1);
    CHECK_FALSE(device.last_failure);  // it was of DRAM
}

TEST_CASE("of a failed allocation the filters leave what was in its way of what they choose") {
    const auto of_dram = filtered_details({}, {}, {"DRAM"}).find(0)->last_failure;
    REQUIRE(of_dram);
    REQUIRE(of_dram->largest.size() == 1);
    CHECK(of_dram->largest[0].id == 77);
    const auto of_small = filtered_details({}, {"10"}, {}).find(0)->last_failure;
    REQUIRE(of_small);
    CHECK(of_small->largest.empty());
    CHECK(of_small->size_bytes == 400 * MiB);
    CHECK_FALSE(filtered_details({}, {"20"}, {}).find(0)->last_failure);  // another's
}

TEST_CASE("choosing processes limits running and ended ones") {
    Filter filter;
    std::string problem;
    REQUIRE(add_pids(filter, {"5", "10"}, problem));
    const stats::Snapshot snapshot = filtered(filter);
    CHECK(pids_of(snapshot) == std::vector<std::int32_t>{10});
    CHECK(snapshot.exited.size() == 1);
    CHECK(snapshot.devices.size() == 3);
}

TEST_CASE("choosing processes limits what devices hold to what these hold, and leaves what knows no processes") {
    stats::Snapshot snapshot = sample_snapshot();
    add_usage(snapshot.processes[0], 0, dram, 20 * MiB, 2);  // small holds some of device 0, too
    Filter filter;
    std::string problem;
    REQUIRE(add_pids(filter, {"10"}, problem));
    apply_filter(filter, snapshot);
    const stats::Device& zero = snapshot.devices[0];
    CHECK(zero.types[0].live_bytes == 20 * MiB);
    CHECK(zero.types[0].live_buffers == 2);
    CHECK(zero.types[0].peak_bytes == 300 * MiB);
    CHECK(zero.types[0].capacity_bytes == 1000 * MiB);
    CHECK(zero.types[0].allocations_total == 3);
    CHECK(zero.types[1].live_bytes == 0);
    CHECK(zero.types[1].live_buffers == 0);
    CHECK(zero.peak_bytes == 310 * MiB);
    CHECK(snapshot.devices[1].live_bytes() == 100 * MiB);
}

TEST_CASE("choosing processes and types limits what devices hold to both") {
    Filter filter;
    std::string problem;
    REQUIRE(add_pids(filter, {"20"}, problem));
    REQUIRE(add_types(filter, {"L1"}, problem));
    const stats::Snapshot snapshot = filtered(filter);
    REQUIRE(snapshot.devices.size() == 1);
    CHECK(snapshot.devices[0].live_bytes() == 10 * MiB);
    CHECK(snapshot.devices[0].live_buffers() == 1);
}

TEST_CASE("choosing processes moves the other holders of a peak to its rest, and removes their buffers") {
    const stats::Details details = filtered_details({}, {"5"}, {});
    const stats::DeviceDetails& device = *details.find(0);
    REQUIRE(device.at_peak->holders.size() == 1);
    CHECK(device.at_peak->holders[0].pid == 5);
    CHECK(device.at_peak->holders[0].bytes + device.at_peak->rest_bytes == device.at_peak->bytes);
    CHECK_FALSE(device.last_failure);
    CHECK(device.types.size() == 2);
}

TEST_CASE("processes are sorted by the key and cut after that") {
    const auto sorted_by = [](const char* key) {
        Filter filter;
        std::string problem;
        REQUIRE(set_sort_key(filter, key, problem));
        return pids_of(filtered(filter));
    };
    CHECK(sorted_by("pid") == std::vector<std::int32_t>{10, 20});
    CHECK(sorted_by("comm") == std::vector<std::int32_t>{20, 10});
    CHECK(sorted_by("peak") == std::vector<std::int32_t>{20, 10});
    CHECK(sorted_by("buffers") == std::vector<std::int32_t>{20, 10});

    Filter filter;
    filter.top = 1;
    stats::Snapshot snapshot = filtered(filter);
    CHECK(pids_of(snapshot) == std::vector<std::int32_t>{20, 10});
    cut_processes(filter, snapshot);
    CHECK(pids_of(snapshot) == std::vector<std::int32_t>{20});
}

TEST_CASE("an unknown sort key is refused with the known ones") {
    Filter filter;
    std::string problem;
    CHECK_FALSE(set_sort_key(filter, "size", problem));
    CHECK(problem.find("live, peak, pid, buffers and comm") != std::string::npos);
}

}  // namespace
}  // namespace trackshm::tools
