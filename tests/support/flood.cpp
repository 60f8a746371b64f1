// SPDX-License-Identifier: Apache-2.0
#include "support/flood.hpp"

#include <fstream>
#include <stdexcept>
#include <string>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/truth.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

// A sync after a long flood may have millions of events to wait for.
constexpr Milliseconds answer_deadline{90000};

}  // namespace

Flood::Flood(const Namespace& name_space, unsigned threads, std::uint64_t seed, const Environment& more)
    : child_({FLOOD_PROGRAM_PATH, std::to_string(threads), std::to_string(seed)}, {name_space.tracked(more)}) {}

std::uint64_t Flood::memory_kib(const std::string& figure) const {
    std::ifstream status("/proc/" + std::to_string(pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(figure + ":")) return std::stoull(line.substr(figure.size() + 1));
    }
    throw std::runtime_error("no " + figure + " in the status of " + std::to_string(pid()));
}

ExitStatus Flood::finish() {
    child_.close_input();
    return child_.wait();
}

std::string Flood::command(const std::string& text) {
    child_.write_line(text);
    return child_.read_line(answer_deadline);
}

std::string living_differences(const json& snapshot, const std::vector<json>& truths) {
    Expected expected;
    std::string result;
    for (const json& truth : truths) {
        result += process_differences(snapshot, truth);
        expected.add_living(truth);
    }
    if (snapshot.at("aggregator").at("exact") != true) result += "the counters are not exact\n";
    return result + expected.differences(snapshot);
}

std::string ended_differences(const Namespace& name_space, const std::vector<json>& truths) {
    json snapshot;
    eventually([&] {
        snapshot = shmtop_json(name_space);
        return snapshot.at("processes").empty() && snapshot.at("exited").size() == truths.size();
    });
    Expected expected;
    std::string result;
    for (const json& truth : truths) {
        result += exited_differences(snapshot, truth);
        expected.add_ended(truth);
    }
    return result + expected.differences(snapshot);
}

}  // namespace trackshm::test
