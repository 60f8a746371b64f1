// SPDX-License-Identifier: Apache-2.0
//
// Processes that report at random and know what the counters must be, against the counters.
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "support/commands.hpp"
#include "support/eventually.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr int process_count = 4;
constexpr std::array totals{"live_bytes",        "live_buffers",          "allocations_total",
                            "allocated_bytes_total", "deallocations_total", "deallocated_bytes_total"};

struct Workload {
    std::string mode;
    std::uint64_t seed;
    unsigned operations_per_thread;
    std::string ring_events;
};

using Processes = std::vector<std::unique_ptr<Child>>;

Processes start(const Namespace& name_space, const Workload& workload) {
    Processes processes;
    for (int i = 0; i < process_count; ++i) {
        const Arguments arguments{RANDOM_WORKLOAD_PATH, workload.mode,
                                  std::to_string(workload.seed * process_count + static_cast<unsigned>(i)),
                                  std::to_string(workload.operations_per_thread)};
        const Environment environment = name_space.tracked({{"TRACKSHM_RING_EVENTS", workload.ring_events}});
        processes.push_back(std::make_unique<Child>(arguments, ChildOptions{environment}));
    }
    return processes;
}

std::vector<json> truths_of(Processes& processes) {
    std::vector<json> truths;
    for (const auto& process : processes) truths.push_back(json::parse(process->read_line()));
    return truths;
}

std::string type_name(unsigned type) {
    const char* const names[] = {"DRAM", "L1", "SYSTEM_MEMORY", "L1_SMALL", "TRACE", "CIRCULAR_BUFFER", "KERNEL", "HOST"};
    return type < std::size(names) ? names[type] : "TYPE_" + std::to_string(type);
}

using Sums = std::map<std::pair<unsigned, std::string>, std::map<std::string, std::uint64_t>>;

void check_process(const json& snapshot, const json& truth, Sums& sums) {
    const json row = process_row(snapshot, truth.at("pid"));
    REQUIRE(row.is_object());
    CHECK(row.at("exact") == true);
    CHECK(row.at("reported") == truth.at("reported"));
    CHECK(row.at("pending") == 0);
    const bool peaks_known = truth.contains("peak_bytes") && row.at("peak_exact") == true;
    if (peaks_known) CHECK(row.at("peak_bytes") == truth.at("peak_bytes"));

    std::uint64_t live = 0;
    for (const json& memory : truth.at("memories")) {
        const unsigned device = memory.at("device");
        const std::string type = type_name(memory.at("type"));
        INFO("device " << device << " " << type);
        for (const char* key : totals) sums[{device, type}][key] += memory.at(key).get<std::uint64_t>();
        live += memory.at("live_bytes").get<std::uint64_t>();

        json usage{{"live_bytes", 0}, {"live_buffers", 0}};
        for (const json& candidate : row.at("devices")) {
            if (candidate.at("device") == device && candidate.at("type") == type) usage = candidate;
        }
        CHECK(usage.at("live_bytes") == memory.at("live_bytes"));
        CHECK(usage.at("live_buffers") == memory.at("live_buffers"));
        if (peaks_known && usage.contains("peak_bytes")) CHECK(usage.at("peak_bytes") == memory.at("peak_bytes"));
    }
    CHECK(row.at("live_bytes") == live);
}

void check_devices(const json& snapshot, const Sums& sums) {
    for (const auto& [memory, values] : sums) {
        INFO("device " << memory.first << " " << memory.second);
        const json row = type_row(snapshot, memory.first, memory.second);
        REQUIRE(row.is_object());
        for (const auto& [key, value] : values) {
            INFO(key);
            CHECK(row.at(key) == value);
        }
    }
}

void check(const json& snapshot, const std::vector<json>& truths) {
    Sums sums;
    for (const json& truth : truths) check_process(snapshot, truth, sums);
    check_devices(snapshot, sums);
    for (const char* key : {"reported", "unknown_frees", "ambiguous_frees", "implicit_frees"}) {
        std::uint64_t sum = 0;
        for (const json& truth : truths) sum += truth.at(key).get<std::uint64_t>();
        INFO(key);
        CHECK(snapshot.at("events").at(key) == sum);
    }
    CHECK(snapshot.at("events").at("rejected") == 0);
    CHECK(snapshot.at("aggregator").at("exact") == true);
    CHECK(imbalance(snapshot) == "");
}

// After they ended: nothing lives, and each left a record of just what it held.
void check_ends(const Namespace& name_space, Processes& processes, const std::vector<json>& truths) {
    for (const auto& process : processes) process->close_input();
    for (const auto& process : processes) CHECK(process->wait().exited_with(0));
    json snapshot;
    CHECK(eventually([&] {
        snapshot = shmtop_json(name_space);
        return snapshot.at("processes").empty() && snapshot.at("exited").size() == process_count;
    }));
    CHECK(live_bytes(snapshot) == 0);
    CHECK(live_buffers(snapshot) == 0);
    for (const json& truth : truths) {
        std::uint64_t bytes = 0;
        for (const json& memory : truth.at("memories")) bytes += memory.at("live_bytes").get<std::uint64_t>();
        const json record = exited_row(snapshot, truth.at("pid"));
        REQUIRE(record.is_object());
        CHECK(record.at("clean") == true);
        CHECK(record.at("leaked_bytes") == bytes);
    }
    for (const json& device : snapshot.at("devices")) {
        CHECK(device.at("allocations_total") == device.at("deallocations_total"));
        CHECK(device.at("allocated_bytes_total") == device.at("deallocated_bytes_total"));
    }
}

// A new one every time, so that many runs cover many; printed when it fails.
std::uint64_t fresh_seed() { return std::random_device()(); }

// Rings from ones that overflow all the time to ones that never do.
std::string ring_events_for(int round) {
    const char* const choices[] = {"64", "256", "4096"};
    return choices[round % 3];
}

void run_rounds(const std::string& mode) {
    for (int round = 0; round < 10; ++round) {
        const Workload workload{mode, fresh_seed(), 1000, ring_events_for(round)};
        INFO("seed " << workload.seed << ", ring of " << workload.ring_events);
        const Namespace name_space;
        Aggregator aggregator(name_space);
        Processes processes = start(name_space, workload);
        const std::vector<json> truths = truths_of(processes);
        check(shmtop_json(name_space), truths);
        check_ends(name_space, processes, truths);
    }
}

}  // namespace

TEST_CASE("random reports in a known order end in exactly the counters of the model") { run_rounds("ordered"); }

TEST_CASE("random reports of ids handed from thread to thread end in exactly the counters of the model") {
    run_rounds("handoff");
}

TEST_CASE("random reports are counted exactly while the aggregator is killed over and over") {
    for (int round = 0; round < 6; ++round) {
        const Workload workload{round % 2 == 0 ? "ordered" : "handoff", fresh_seed(), 20000, ring_events_for(round)};
        INFO("seed " << workload.seed << ", ring of " << workload.ring_events << ", " << workload.mode);
        const Namespace name_space;
        auto aggregator = std::make_unique<Aggregator>(name_space);
        Processes processes = start(name_space, workload);
        std::mt19937_64 random(workload.seed);
        for (int kills = 0; kills < 8; ++kills) {
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));  // anywhere in its work
            aggregator->child().kill();
            aggregator = std::make_unique<Aggregator>(name_space);
        }
        const std::vector<json> truths = truths_of(processes);
        const json snapshot = shmtop_json(name_space);
        check(snapshot, truths);
        CHECK(snapshot.at("aggregator").at("start_count") == 9);
        check_ends(name_space, processes, truths);
    }
}

}  // namespace trackshm::test
