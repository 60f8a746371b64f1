// SPDX-License-Identifier: Apache-2.0
//
// The table a model file runs: its model and the twins.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace trackshm::models {

struct Outcome {
    bool held;  // no run failed
    std::uint64_t runs;
    std::string history;  // of the run that failed
};

// One line of a model's table: the model itself, or a twin that must fail.
struct Case {
    std::string name;
    bool must_hold;
    std::function<Outcome()> check;
};

// Runs them all; what main() returns.
int run_models(const std::vector<Case>& cases);

}  // namespace trackshm::models
