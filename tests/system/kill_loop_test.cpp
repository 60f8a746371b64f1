// SPDX-License-Identifier: Apache-2.0
//
// The aggregator is killed over and over while four processes report as fast as they can: at the end every figure is
// what they know it must be.
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/flood.hpp"
#include "support/long_form.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr unsigned process_count = 4;
constexpr unsigned threads_per_process = 2;

using Floods = std::vector<std::unique_ptr<Flood>>;

Floods start_floods(const Namespace& name_space, std::uint64_t seed) {
    // Rings from ones that overflow all the time to ones that seldom do.
    const char* const ring_events[] = {"64", "512", "4096", "65536"};
    Floods floods;
    for (unsigned i = 0; i < process_count; ++i) {
        const Environment environment{{"TRACKSHM_RING_EVENTS", ring_events[i]}};
        floods.push_back(std::make_unique<Flood>(name_space, threads_per_process, seed + i, environment));
        floods.back()->start();
    }
    return floods;
}

void wait_up_to(std::mt19937_64& random, std::uint64_t longest_us) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % longest_us));
}

// With no aggregator alive, all of them go on.
void check_progress(const Floods& floods) {
    for (const auto& flood : floods) {
        const std::uint64_t before = flood->count();
        CHECK(eventually([&] { return flood->count() > before + 1000; }));
    }
}

// Lives that readers saw are ended somewhere in their work.
void kill_at_work(const Namespace& name_space, const Floods& floods, unsigned kills, std::mt19937_64& random) {
    for (unsigned kill = 0; kill < kills; ++kill) {
        Aggregator aggregator(name_space);
        wait_up_to(random, 20000);
        aggregator.child().kill();
        if (kill % 10 == 0) check_progress(floods);
    }
}

// Lives are ended anywhere, most of them while the aggregator starts, adopts what it finds and rolls back. Returns how
// many were announced as ready.
unsigned kill_at_any_moment(const Namespace& name_space, unsigned kills, std::mt19937_64& random) {
    unsigned ready = 0;
    for (unsigned kill = 0; kill < kills; ++kill) {
        Child aggregator({SHM_AGGREGATOR_PATH, "--namespace", name_space.name()});
        wait_up_to(random, 10000);
        aggregator.kill();
        ready += aggregator.error_output().find("ready") != std::string::npos;
    }
    return ready;
}

}  // namespace

TEST_CASE("four flooding processes are counted exactly while the aggregator is killed at random moments", "[long]") {
    const unsigned kills = by_form(40u, 500u) / 2;
    const std::uint64_t seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const Namespace name_space;
    Floods floods = start_floods(name_space, seed);

    kill_at_work(name_space, floods, kills, random);
    unsigned lives = kills + 1;
    {
        Aggregator aggregator(name_space);
        CHECK(shmtop_json(name_space).at("aggregator").at("start_count") == lives);
        aggregator.child().kill();
    }
    lives += kill_at_any_moment(name_space, kills, random);
    Aggregator last(name_space);
    ++lives;

    std::vector<json> truths;
    std::uint64_t longest_ns = 0;
    std::uint64_t reported = 0;
    for (const auto& flood : floods) flood->stop();
    for (const auto& flood : floods) {
        truths.push_back(flood->truth());
        reported += truths.back().at("reported").get<std::uint64_t>();
        longest_ns = std::max(longest_ns, flood->times().at("longest_ns").get<std::uint64_t>());
    }
    const json snapshot = shmtop_json(name_space);
    CHECK(living_differences(snapshot, truths) == "");
    // One that dies between its first entry in the ledger and its announcement counts, and we cannot see it.
    CHECK(snapshot.at("aggregator").at("start_count") >= lives);
    CHECK(snapshot.at("aggregator").at("start_count") <= 2 * kills + 2);
    CHECK(longest_ns < 20'000'000'000);  // beyond any scheduler's doing
    WARN(2 * kills + 1 << " kills, " << reported << " events, the longest hook " << longest_ns / 1000 << " us");

    for (const auto& flood : floods) CHECK(flood->finish().exited_with(0));
    CHECK(ended_differences(name_space, truths) == "");
    // Segments that an aggregator died over while it made them.
    CHECK(eventually([&] { return name_space.segments("tmp").empty(); }));
}

}  // namespace trackshm::test
