// SPDX-License-Identifier: Apache-2.0
//
// The aggregator is killed over and over while four processes report as fast as they can: at the end every figure is
// what they know it must be.
#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "aggregator/ledger_abi.hpp"
#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/flood.hpp"
#include "support/long_form.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr unsigned process_count = 4;
constexpr unsigned threads_per_process = 2;
constexpr std::uint64_t most_p99_9_ns = 10'000'000;  // a hook is descheduled more seldom than once in a thousand

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
        CHECK_FALSE(has_corrected(aggregator.child()));
        if (kill % 10 == 0) check_progress(floods);
    }
}

std::uint64_t starts_in_ledger(const Namespace& name_space) {
    std::ifstream ledger("/dev/shm/" + name_space.segments("ledger").at(0), std::ios::binary);
    aggregator::LedgerHeader header{};
    ledger.read(reinterpret_cast<char*>(&header), sizeof header);
    return header.start_count;
}

// Lives are ended anywhere, most of them while the aggregator starts, adopts what it finds and rolls back. Each counts
// once if it was announced, and once or not at all if it was not.
void kill_at_any_moment(const Namespace& name_space, unsigned kills, std::mt19937_64& random) {
    for (unsigned kill = 0; kill < kills; ++kill) {
        const std::uint64_t before = starts_in_ledger(name_space);
        Child aggregator({SHM_AGGREGATOR_PATH, "--namespace", name_space.name()});
        wait_up_to(random, 10000);
        aggregator.kill();
        const std::uint64_t counted = starts_in_ledger(name_space) - before;
        CHECK(counted <= 1);
        if (aggregator.error_output().find("ready") != std::string::npos) CHECK(counted == 1);
        CHECK_FALSE(has_corrected(aggregator));
    }
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
    {
        Aggregator aggregator(name_space);
        CHECK(shmtop_json(name_space).at("aggregator").at("start_count") == kills + 1);
        aggregator.child().kill();
    }
    kill_at_any_moment(name_space, kills, random);
    const std::uint64_t lives = starts_in_ledger(name_space);
    Aggregator last(name_space);
    CHECK_FALSE(has_corrected(last.child()));

    std::vector<json> truths;
    std::uint64_t longest_ns = 0;
    std::uint64_t reported = 0;
    for (const auto& flood : floods) flood->stop();
    for (const auto& flood : floods) {
        truths.push_back(flood->truth());
        reported += truths.back().at("reported").get<std::uint64_t>();
        const json times = flood->times();
        longest_ns = std::max(longest_ns, times.at("longest_ns").get<std::uint64_t>());
        CHECK(times.at("p99_9_ns") < most_p99_9_ns);
    }
    const json snapshot = shmtop_json(name_space);
    CHECK(living_differences(snapshot, truths) == "");
    CHECK(snapshot.at("aggregator").at("start_count") == lives + 1);
    CHECK(longest_ns < 20'000'000'000);  // beyond any scheduler's doing
    WARN(2 * kills + 1 << " kills, " << reported << " events, the longest hook " << longest_ns / 1000 << " us");

    for (const auto& flood : floods) CHECK(flood->finish().exited_with(0));
    CHECK(ended_differences(name_space, truths) == "");
    // Segments that an aggregator died over while it made them.
    CHECK(eventually([&] { return name_space.segments("tmp").empty(); }));
}

}  // namespace trackshm::test
