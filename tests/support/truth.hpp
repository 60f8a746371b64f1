// SPDX-License-Identifier: Apache-2.0
//
// What processes of tests/programs/random_workload.cpp say the counters must be, against the counters. Differences are
// text, one line each; none is the empty string.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace trackshm::test {

// Of the living process that told this truth.
std::string process_differences(const nlohmann::json& snapshot, const nlohmann::json& truth);

// Of the record that it left.
std::string exited_differences(const nlohmann::json& snapshot, const nlohmann::json& truth);

// The totals of a namespace, as they must be.
class Expected {
public:
    void add_living(const nlohmann::json& truth) { add(truth, false); }
    void add_ended(const nlohmann::json& truth) { add(truth, true); }
    // Takes the counters as they are for what was before; nothing may be live.
    void start_from(const nlohmann::json& snapshot);

    std::string differences(const nlohmann::json& snapshot) const;

private:
    using Memory = std::pair<unsigned, std::string>;  // device, type
    using Counts = std::map<std::string, std::uint64_t>;

    void add(const nlohmann::json& truth, bool ended);
    std::string device_differences(const nlohmann::json& device) const;

    std::map<Memory, Counts> memories_;
    Counts events_;
};

}  // namespace trackshm::test
