// SPDX-License-Identifier: Apache-2.0
//
// What there is to run. Each benchmark file registers its benchmark and the roles its children play.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/statistics.hpp"

namespace trackshm::bench {

struct Options {
    bool quick = false;
    int rounds = 5;
    std::string aggregator;  // paths of the programs
    std::string shmrun;

    // How much to do: as asked for, or the small amount that only shows that it runs.
    template <class T>
    T sized(T full, T small) const {
        return quick ? small : full;
    }
    // For what takes so long that fewer rounds must do.
    Options with_at_most(int most_rounds) const {
        Options fewer = *this;
        fewer.rounds = std::min(rounds, most_rounds);
        return fewer;
    }
};

// One configuration that was measured, several times.
struct Measurement {
    std::string variant;
    std::vector<Figures> rounds;
};

struct Result {
    std::string benchmark;
    std::vector<Measurement> measurements;
    std::vector<std::string> notes;     // what the figures say when compared
    std::vector<std::string> failures;  // what must never happen, whatever the timing
};

struct Benchmark {
    std::string name;
    std::string summary;
    void (*run)(const Options& options, Result& result);
};

struct Role {
    std::string name;
    Figures (*run)(const nlohmann::json& arguments);
};

struct RegisterBenchmark {
    explicit RegisterBenchmark(Benchmark benchmark);
};

struct RegisterRole {
    explicit RegisterRole(Role role);
};

std::vector<Benchmark> benchmarks();  // by name
const Role* find_role(const std::string& name);

}  // namespace trackshm::bench
