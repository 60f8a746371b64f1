// SPDX-License-Identifier: Apache-2.0
//
// What is expected of the counters sooner or later: something being so, a process having ended.
#pragma once

#include <functional>

#include "support/commands.hpp"

namespace trackshm::test {

// Waits for a snapshot that satisfies the condition, and returns it. The test fails, with the last one, if there is none
// within the time a thousand processes may take.
nlohmann::json snapshot_when(const Namespace& name_space, const std::function<bool(const nlohmann::json&)>& condition);

// Waits until the process has its exit record, and returns it; the test fails if it never comes.
nlohmann::json wait_for_exit_record(const Namespace& name_space, pid_t pid);

// Nothing is held on any device, and what was allocated was deallocated.
void check_all_released(const Namespace& name_space);

// Waits until no process or table segment is left.
void check_no_process_segments(const Namespace& name_space);

}  // namespace trackshm::test
