// SPDX-License-Identifier: Apache-2.0
//
// The programs under test: the aggregator as a value, the tools as functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "support/child.hpp"
#include "support/namespace.hpp"

namespace trackshm::test {

// A running shm_aggregator; constructed once its readers can attach.
class Aggregator {
public:
    explicit Aggregator(const Namespace& name_space, const Arguments& more = {});

    // SIGTERM; how it ended.
    ExitStatus terminate();
    Child& child() { return child_; }

private:
    Child child_;
};

// Whether an aggregator said that what its predecessor left was not right, and that it corrected it. A test of exactness
// that restarts aggregators must look: the figures alone would not show it any more.
bool has_corrected(const Child& aggregator);

struct CommandResult {
    ExitStatus status;
    std::string output;
    std::string error_output;
};

CommandResult run(const Arguments& arguments, const ChildOptions& options = {},
                  Milliseconds deadline = default_deadline);
// Lines of a program's output that contain `what`.
std::size_t count_lines_with(const std::string& output, const std::string& what);
CommandResult shmtop(const Namespace& name_space, const Arguments& more = {});

// A user who is not root, for tests that only root can make; and why they may have to be skipped.
inline constexpr uid_t nobody = 65534;
bool can_run_as(uid_t user);
inline constexpr const char* needs_other_user = "needs root, and a build that other users can read";

// One document of `shmtop --json`; throws when shmtop fails or prints anything else.
nlohmann::json shmtop_json(const Namespace& name_space);

// Rows of that document; null if there is none.
nlohmann::json device_row(const nlohmann::json& snapshot, unsigned device);
nlohmann::json type_row(const nlohmann::json& snapshot, unsigned device, const std::string& type);
nlohmann::json process_row(const nlohmann::json& snapshot, pid_t pid);
nlohmann::json exited_row(const nlohmann::json& snapshot, pid_t pid);

std::uint64_t live_bytes(const nlohmann::json& snapshot);    // of all devices
std::uint64_t live_buffers(const nlohmann::json& snapshot);  // of all devices

// The equation every snapshot must satisfy, of all events and of every process: empty, or what is wrong.
std::string imbalance(const nlohmann::json& snapshot);

}  // namespace trackshm::test
