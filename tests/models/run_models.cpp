// SPDX-License-Identifier: Apache-2.0
#include "run_models.hpp"

#include <iostream>

namespace trackshm::models {

int run_models(const std::vector<Case>& cases) {
    int failures = 0;
    for (const Case& one : cases) {
        const Outcome outcome = one.check();
        const bool as_it_must = outcome.held == one.must_hold;
        failures += !as_it_must;
        std::cout << (as_it_must ? "ok      " : "FAILED  ") << (one.must_hold ? "holds:     " : "is caught: ")
                  << one.name << " (" << outcome.runs << " runs)" << std::endl;
        if (!as_it_must) std::cout << outcome.history << std::endl;
    }
    return failures == 0 ? 0 : 1;
}

}  // namespace trackshm::models
