// SPDX-License-Identifier: Apache-2.0
#include "support/commands.hpp"

#include <csignal>
#include <sstream>
#include <stdexcept>

namespace trackshm::test {

using nlohmann::json;

namespace {

Arguments aggregator_arguments(const Namespace& name_space, const Arguments& more) {
    Arguments result{SHM_AGGREGATOR_PATH, "--namespace", name_space.name()};
    result.insert(result.end(), more.begin(), more.end());
    return result;
}

json row_where(const json& rows, const char* key, const json& value) {
    for (const json& row : rows) {
        if (row.at(key) == value) return row;
    }
    return nullptr;
}

bool balances(const json& counters) {
    const auto value = [&](const char* key) { return counters.at(key).get<std::uint64_t>(); };
    return value("reported") == value("applied") + value("pending") + value("coalesced") + value("dropped");
}

std::uint64_t sum_over_devices(const json& snapshot, const char* key) {
    std::uint64_t sum = 0;
    for (const json& device : snapshot.at("devices")) sum += device.at(key).get<std::uint64_t>();
    return sum;
}

}  // namespace

Aggregator::Aggregator(const Namespace& name_space, const Arguments& more)
    : child_(aggregator_arguments(name_space, more)) {
    child_.read_error_line_with("shm_aggregator: ready namespace=" + name_space.name() +
                                " pid=" + std::to_string(child_.pid()));
}

ExitStatus Aggregator::terminate() {
    child_.signal(SIGTERM);
    return child_.wait();
}

CommandResult run(const Arguments& arguments, const ChildOptions& options, Milliseconds deadline) {
    Child child(arguments, options);
    child.close_input();
    const ExitStatus status = child.wait(deadline);
    return {status, child.output(), child.error_output()};
}

bool has_corrected(const Child& aggregator) {
    return aggregator.error_output().find("corrected what is live") != std::string::npos;
}

std::size_t count_lines_with(const std::string& output, const std::string& what) {
    std::istringstream lines(output);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) count += line.find(what) != std::string::npos ? 1 : 0;
    return count;
}

CommandResult shmtop(const Namespace& name_space, const Arguments& more) {
    Arguments arguments{SHMTOP_PATH, "--namespace", name_space.name()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
}

bool can_run_as(uid_t user) { return run({SHMTOP_PATH, "--version"}, {{}, user}).status.exited_with(0); }

json shmtop_json(const Namespace& name_space) {
    const CommandResult result = shmtop(name_space, {"--json"});
    if (!result.status.exited_with(0)) throw std::runtime_error("shmtop failed: " + result.error_output);
    return json::parse(result.output);
}

json device_row(const json& snapshot, unsigned device) {
    return row_where(snapshot.at("devices"), "device", device);
}

json type_row(const json& snapshot, unsigned device, const std::string& type) {
    const json row = device_row(snapshot, device);
    return row.is_null() ? row : row_where(row.at("types"), "type", type);
}

json process_row(const json& snapshot, pid_t pid) { return row_where(snapshot.at("processes"), "pid", pid); }
json exited_row(const json& snapshot, pid_t pid) { return row_where(snapshot.at("exited"), "pid", pid); }

std::uint64_t live_bytes(const json& snapshot) { return sum_over_devices(snapshot, "live_bytes"); }
std::uint64_t live_buffers(const json& snapshot) { return sum_over_devices(snapshot, "live_buffers"); }

std::string imbalance(const json& snapshot) {
    if (!balances(snapshot.at("events"))) return "events: " + snapshot.at("events").dump();
    for (const json& process : snapshot.at("processes")) {
        if (!balances(process)) return "process: " + process.dump();
    }
    return {};
}

}  // namespace trackshm::test
