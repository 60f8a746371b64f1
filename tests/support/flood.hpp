// SPDX-License-Identifier: Apache-2.0
//
// A tracked process that reports as fast as it can and knows the truth: see tests/programs/flood_program.cpp.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/child.hpp"
#include "support/namespace.hpp"

namespace trackshm::test {

class Flood {
public:
    Flood(const Namespace& name_space, unsigned threads, std::uint64_t seed, const Environment& more = {});

    void start() { command("start"); }
    void stop() { command("stop"); }
    // Reports made so far.
    std::uint64_t count() { return std::stoull(command("count")); }
    // What the counters must be, once they are published.
    nlohmann::json truth() { return nlohmann::json::parse(command("truth")); }
    // How long its reports took: longest_ns, p50_ns, p99_9_ns.
    nlohmann::json times() { return nlohmann::json::parse(command("times")); }
    // A figure of /proc/PID/status in KiB, as "VmHWM".
    std::uint64_t memory_kib(const std::string& figure) const;
    // Ends it by returning from main.
    ExitStatus finish();

    pid_t pid() const { return child_.pid(); }

private:
    std::string command(const std::string& text);

    Child child_;
};

// What is wrong with the counters of a namespace in which these and no others ever reported, while all of them live, and
// after all have ended, for which it waits. Empty if nothing is.
std::string living_differences(const nlohmann::json& snapshot, const std::vector<nlohmann::json>& truths);
std::string ended_differences(const Namespace& name_space, const std::vector<nlohmann::json>& truths);

}  // namespace trackshm::test
