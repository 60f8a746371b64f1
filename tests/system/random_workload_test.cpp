// SPDX-License-Identifier: Apache-2.0
//
// Processes that report at random and know what the counters must be, against the counters.
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/truth.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr int process_count = 4;

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

void check(const json& snapshot, const std::vector<json>& truths) {
    Expected expected;
    for (const json& truth : truths) {
        CHECK(process_differences(snapshot, truth) == "");
        expected.add_living(truth);
    }
    CHECK(expected.differences(snapshot) == "");
    CHECK(snapshot.at("events").at("rejected") == 0);
    CHECK(snapshot.at("aggregator").at("exact") == true);
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
    Expected expected;
    for (const json& truth : truths) {
        CHECK(exited_differences(snapshot, truth) == "");
        CHECK(exited_row(snapshot, truth.at("pid")).at("clean") == true);
        expected.add_ended(truth);
    }
    CHECK(expected.differences(snapshot) == "");
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
