// SPDX-License-Identifier: Apache-2.0
//
// What is expected once a process has ended.
#pragma once

#include "support/commands.hpp"

namespace trackshm::test {

// Waits until the process has its exit record, and returns it; the test fails if it never comes.
nlohmann::json wait_for_exit_record(const Namespace& name_space, pid_t pid);

// Nothing is held on any device, and what was allocated was deallocated.
void check_all_released(const Namespace& name_space);

// Waits until no process or table segment is left.
void check_no_process_segments(const Namespace& name_space);

}  // namespace trackshm::test
