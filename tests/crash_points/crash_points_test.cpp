// SPDX-License-Identifier: Apache-2.0
//
// SIGKILL at any store. The unmodified shm_aggregator is killed before the k-th change it makes to shared memory or to
// the file system; a next one takes over, and every figure must be as if nothing had happened.
//
// Every day: the points around each commit, publication and release of slots, and others at random.
// CRASH_POINTS=every: all of them; see scripts/crash-points.
// CRASH_POINTS_SEED repeats a random choice.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <random>
#include <set>
#include <string_view>

#include "aggregator/ledger_abi.hpp"
#include "crash_points/trial.hpp"
#include "shm/stats_abi.hpp"

namespace trackshm::test {

namespace {

// --- what happens ---------------------------------------------------------------------------------------------------

// Every kind of event that a program can report.
const Commands survivor_events = {
    "name 0 a-name-that-takes-more-than-two-slots",
    "memory 0 0 1000000",
    "memory 0 1 5000",
    "fill 1 20 0 0 1 10",
    "alloc 0 100 1 500",
    "alloc 1 100 1 500",
    "free 500",
    "free 500",
    "free 500",  // ambiguous, plain, unknown
    "alloc 0 64 0 600",
    "alloc 0 65 0 600",  // a free was missed
    "alloc 0 1 0 700",
    "alloc 0 2 1 700",
    "alloc 1 3 0 700",
    "free_on 0 700",
    "free_of 1 0 700",
    "free_all 700",
    "usage 0 5 900",
    "usage 0 5 300",
    "fail 1 77 2",
    "alloc 2 5 4 800",
    "usage 2 0 40",
    "close 2",
    "alloc 3 7 0 77",
};

// 270 events of this thread's lane of 256: those past its end would overwrite what was released before its time.
const Commands survivor_continues = {
    "fill 1 250 2 1 5000 8", "empty 1 20",    "free 600", "free 77", "free 5000",
    "usage 0 5 0",           "alloc 0 1 0 1", "free 500",
};

const Commands casualty_events = {
    "alloc 4 9 1 3000", "alloc 4 9 1 3001", "alloc 3 9 0 3002",  "alloc 3 9 0 3003", "alloc 3 9 0 1000",
    "empty 1000 30",    "free 1",           "alloc 4 12 1 1039", "free 1039",        "usage 3 5 7000",
    "usage 3 5 6000",   "fail 3 1 0",       "name 3 casualty",   "close 4",          "alloc 4 33 1 3004",
};

// As many events as its two rings of 64 hold, and some that are left in the estate. Held back, these are applied in an
// order of the coalescer's: frees first.
Commands late_events() {
    Commands commands{"alloc 6 3 0 9"};
    commands.insert(commands.end(), 127, "fail 6 1 0");
    commands.insert(commands.end(), {"free 9", "alloc 6 10 0 1", "alloc 6 20 0 2", "usage 6 5 5"});
    return commands;
}

const Commands folding_events = {
    "alloc 7 10 0 1", "alloc 7 10 0 2", "folded_pairs 7 0 5 500", "folded_frees 2 1", "folded_free_all 1",
    "usage 7 5 90",   "lowered_usage 7 5 40", "alloc 7 30 0 3", "lowered_usage 7 5 60", "usage 7 5 80", "coalesced_reports 17",
};

Scenario without_a_past() {
    Scenario scenario;
    scenario.casualty_unserved = {"fill 1 40 3 0 1000 100"};
    scenario.casualty_unserved.insert(scenario.casualty_unserved.end(), casualty_events.begin(), casualty_events.end());
    scenario.late = late_events();
    scenario.folding = folding_events;
    scenario.survivor_unserved = survivor_events;
    scenario.survivor_later = survivor_continues;
    return scenario;
}

// The casualty's table has 384 of its 512 homes taken: its next allocations make it grow.
Scenario with_a_past() {
    Scenario scenario = without_a_past();
    scenario.casualty_served = {"fill 1 190 9 0 10000 64", "fill 1 154 9 0 20000 64", "close 9",
                                "fill 1 40 3 0 1000 100"};
    scenario.casualty_unserved = casualty_events;
    return scenario;
}

// What the worlds below are not about.
Scenario of_processes_that_say_little() {
    Scenario scenario;
    scenario.casualty_unserved = {"alloc 3 1 0 1"};
    scenario.late = {"alloc 6 10 0 1"};
    scenario.folding = {"alloc 7 10 0 1"};
    return scenario;
}

// The survivor's table is so large that it grows in steps: it dies in the first, the rest is its successor's.
Scenario with_a_large_table() {
    Scenario scenario = of_processes_that_say_little();
    scenario.survivor_ring_events = "131072";
    scenario.survivor_served = {"fill 1 98304 0 0 1000 10"};
    scenario.survivor_unserved = {"alloc 0 1 0 1", "alloc 0 1 0 2", "free 1500", "alloc 1 1 0 3"};
    scenario.survivor_later = {"alloc 0 1 0 4", "empty 1 100000", "alloc 0 5 0 1"};
    return scenario;
}

// One process lied while nobody served it, and ended: it is quarantined when that is come across, and ends at once. Of
// another one that ended, the segment is gone.
Scenario with_a_liar_and_an_orphan() {
    Scenario scenario = of_processes_that_say_little();
    scenario.casualty_served = {"alloc 3 1 0 1", "alloc 3 2 0 2", "free 1"};
    scenario.casualty_unserved = {};
    scenario.casualty_loses_segment = true;
    scenario.liar_served = {"alloc 8 10 0 1", "alloc 8 20 0 2", "usage 8 5 7"};
    scenario.liar_unserved = {"alloc 8 40 0 3", "alloc 9 80 0 4"};
    scenario.survivor_unserved = {"alloc 0 1 0 1", "alloc 8 1 0 2", "free 1"};
    scenario.survivor_later = {"alloc 0 1 0 4", "free 2"};
    return scenario;
}

// The survivor uses more memories than its table has storage for, and then more buffers: its events wait, for the
// successor.
Scenario without_room() {
    Scenario scenario = of_processes_that_say_little();
    for (int memory = 0; memory < 64; ++memory) {
        scenario.survivor_served.push_back(fmt::format("usage {} {} 1000", 10 + memory / 6, memory % 6));
    }
    scenario.survivor_unserved = {"alloc 0 1 0 1", "free 1", "usage 30 0 1", "alloc 0 1 0 2"};
    scenario.survivor_later = {"alloc 0 1 0 4", "free 2"};
    scenario.first_finds_no_room = true;
    return scenario;
}

// --- where it dies --------------------------------------------------------------------------------------------------

using Points = std::vector<unsigned long>;

std::string from_environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

bool wants_every_point() { return from_environment("CRASH_POINTS") == "every"; }

std::uint64_t chosen_seed() {
    const std::string text = from_environment("CRASH_POINTS_SEED");
    return text.empty() ? std::random_device{}() : std::stoull(text);
}

// Commits, publications, and the release of slots: few, and none is left out.
bool is_turning_point(const PointRecord& point) {
    const std::string_view file(point.file);
    const auto is_in = [&](const char* kind) { return file.find(kind) != std::string_view::npos; };
    if (std::string_view(point.what) != "store") return false;
    if (is_in(".ledger.")) return point.offset == offsetof(aggregator::LedgerHeader, log_state);
    if (is_in(".stats.")) return point.offset == offsetof(shm::StatsHeader, generation);
    return is_in(".p.");
}

bool is_call(const PointRecord& point) { return std::string_view(point.what) != "store"; }

Points every_point(std::size_t count) {
    Points points(count);
    std::iota(points.begin(), points.end(), 1ul);
    return points;
}

// Points of a kind, and those before and after each.
template <class IsOfKind>
std::set<unsigned long> points_around(const std::vector<PointRecord>& trace, IsOfKind&& is_of_kind) {
    std::set<unsigned long> points;
    for (unsigned long k = 1; k <= trace.size(); ++k) {
        if (!is_of_kind(trace[k - 1])) continue;
        points.insert(std::max(k - 1, 1ul));
        points.insert(k);
        points.insert(std::min<unsigned long>(k + 1, trace.size()));
    }
    return points;
}

// All turning points, and some of the others.
Points choose_points(const std::vector<PointRecord>& trace, std::size_t calls, std::size_t others,
                     std::mt19937_64& random) {
    std::set<unsigned long> chosen = points_around(trace, is_turning_point);
    const std::set<unsigned long> around_calls = points_around(trace, is_call);
    std::sample(around_calls.begin(), around_calls.end(), std::inserter(chosen, chosen.end()), calls, random);
    std::uniform_int_distribution<unsigned long> any(1, trace.size());
    for (std::size_t i = 0; i < others; ++i) chosen.insert(any(random));
    return {chosen.begin(), chosen.end()};
}

std::string describe(const Points& deaths, const std::vector<PointRecord>& trace) {
    const PointRecord& point = trace.at(deaths[0] - 1);
    std::string text = "died before point " + std::to_string(deaths[0]) + ", " + point.what + " " + point.file + " + " +
                       std::to_string(point.offset);
    for (std::size_t i = 1; i < deaths.size(); ++i) text += ", then before its point " + std::to_string(deaths[i]);
    return text;
}

// Plays all of it; stops at the fifth fault, since each takes its time.
void play_all(Stage& stage, const std::vector<PointRecord>& trace, const std::vector<Points>& trials) {
    unsigned faults = 0;
    unsigned first_deaths = 0;
    unsigned deaths = 0;
    for (const Points& points : trials) {
        const Outcome outcome = stage.play(points);
        deaths += outcome.deaths;
        first_deaths += outcome.deaths > 0;
        if (outcome.fault.empty()) continue;
        UNSCOPED_INFO(describe(points, trace) << ": " << outcome.fault);
        if (++faults == 5) break;
    }
    std::cout << trace.size() << " points, " << trials.size() << " trials, " << deaths << " deaths, " << faults
              << " faults" << std::endl;
    CHECK(faults == 0);
    if (faults == 0) CHECK(first_deaths == trials.size());  // else runs are not alike, and points would be missed
}

void die_once_at_many_points(const Scenario& scenario, std::size_t calls, std::size_t others) {
    const std::uint64_t seed = chosen_seed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    Stage stage(scenario);
    std::string fault;
    const std::vector<PointRecord>& trace = stage.rehearse(fault);
    REQUIRE(fault == "");
    REQUIRE(trace.size() > 500);
    std::vector<Points> trials;
    for (const unsigned long k :
         wants_every_point() ? every_point(trace.size()) : choose_points(trace, calls, others, random)) {
        trials.push_back({k});
    }
    play_all(stage, trace, trials);
}

}  // namespace

TEST_CASE("an aggregator without a past may die at any store") { die_once_at_many_points(without_a_past(), 30, 50); }

TEST_CASE("an aggregator that goes on with earlier state may die at any store") {
    die_once_at_many_points(with_a_past(), 30, 70);
}

TEST_CASE("an aggregator may die at any store while a large table grows step by step") {
    die_once_at_many_points(with_a_large_table(), 4, 8);
}

TEST_CASE("an aggregator may die at any store while it quarantines a process and releases an orphan") {
    die_once_at_many_points(with_a_liar_and_an_orphan(), 20, 30);
}

TEST_CASE("an aggregator may die at any store while a process's events find no room") {
    die_once_at_many_points(without_room(), 20, 30);
}

TEST_CASE("an aggregator may die at any store while it takes over from one that died at any store") {
    const std::uint64_t seed = chosen_seed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    Stage stage(with_a_past());
    std::string fault;
    const std::vector<PointRecord>& trace = stage.rehearse(fault);
    REQUIRE(fault == "");
    std::uniform_int_distribution<unsigned long> any(1, trace.size());
    // The roll-back comes first: most of the second deaths are in it.
    std::uniform_int_distribution<unsigned long> early(1, 200);
    std::vector<Points> trials;
    for (int i = 0; i < (wants_every_point() ? 1000 : 20); ++i) {
        trials.push_back({any(random), i % 4 != 0 ? early(random) : any(random)});
    }
    play_all(stage, trace, trials);
}

}  // namespace trackshm::test
