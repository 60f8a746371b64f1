// SPDX-License-Identifier: Apache-2.0
//
// Random rounds of everything at once, against the counters: flooding processes that know their figures, threads that
// come and go, forks, tiny rings, several users; processes and aggregator killed, stopped and started again; /dev/shm full
// for a moment. See scripts/soak.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <random>

#include "soak/chaos.hpp"
#include "soak/report.hpp"
#include "soak/round.hpp"

namespace trackshm::test {
namespace {

struct Options {
    double seconds = 0;
    std::uint64_t events = 0;
    std::uint64_t seed = std::random_device()();
    bool verbose = false;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run_rounds(const Options& options, Report& report) {
    // Where events are counted, there shall be many of them. Where time is, a round must not take all of it.
    const std::uint64_t most_operations = options.events > 0 ? 4'000'000 : 100'000;
    const auto start = std::chrono::steady_clock::now();
    std::optional<PrivateShm> shm;
    if (PrivateShm::is_possible()) shm.emplace("size=4g");
    const Namespace name_space;
    Random random(options.seed);
    UnreliableAggregator aggregator(name_space, random, report);
    Expected expected;
    const auto is_over = [&] {
        return (options.seconds > 0 && seconds_since(start) >= options.seconds) ||
               (options.events > 0 && report.reported >= options.events);
    };
    while (report.drift.empty() && !is_over()) {
        Round round(name_space, shm ? &*shm : nullptr, aggregator, expected, random, report, most_operations);
        if (options.verbose) fmt::print("round {}: {}\n", report.rounds + 1, round.plan().text());
        try {
            round.run();
        } catch (const std::exception& error) {
            report.drift += fmt::format("{}\n", error.what());
        }
        if (!report.drift.empty()) report.drift += "in round " + round.plan().text() + "\n";
        report.seconds = seconds_since(start);
    }
    if (report.drift.empty()) report.drift += aggregator.terminate();
    for (const char* kind : {"p", "l"}) {
        for (const std::string& segment : name_space.segments(kind)) report.drift += "left behind: " + segment + "\n";
    }
}

}  // namespace
}  // namespace trackshm::test

int main(int argc, char** argv) {
    trackshm::test::Options options;
    CLI::App app{"Random processes, kills and restarts against the counters. Exits with 1 if a figure is wrong."};
    app.add_option("--seconds", options.seconds, "Run about this long");
    app.add_option("--events", options.events, "Run until so many events were reported");
    app.add_option("--seed", options.seed, "What to draw from; the timing stays the machine's");
    app.add_flag("--verbose", options.verbose, "Print each round's plan");
    CLI11_PARSE(app, argc, argv);
    if (options.seconds <= 0 && options.events == 0) options.seconds = 60;

    trackshm::test::Report report;
    report.seed = options.seed;
    trackshm::test::run_rounds(options, report);
    std::cout << report.text() << std::flush;
    return report.drift.empty() ? 0 : 1;
}
