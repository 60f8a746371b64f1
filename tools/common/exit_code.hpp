// SPDX-License-Identifier: Apache-2.0
//
// What every tool exits with. Scripts rely on these numbers.
#pragma once

namespace trackshm::tools {

enum ExitCode : int {
    exit_ok = 0,
    exit_failure = 1,
    exit_usage = 2,
    exit_no_aggregator = 3,  // or no segment of the namespace
    exit_permission_denied = 4,
    exit_incompatible_layout = 5,
    exit_check_failed = 10,
};

}  // namespace trackshm::tools
