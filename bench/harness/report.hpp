// SPDX-License-Identifier: Apache-2.0
//
// Results as a text table and as a JSON document.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/registry.hpp"

namespace trackshm::bench {

std::string as_table(const Result& result);

// {"schema":"trackshm.bench/1","machine":{...},"rounds":5,"quick":false,"benchmarks":[{"name":...,"variants":[...]}]}
nlohmann::ordered_json as_json(const nlohmann::ordered_json& machine, const Options& options,
                               const std::vector<Result>& results);

}  // namespace trackshm::bench
