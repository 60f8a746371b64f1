// SPDX-License-Identifier: Apache-2.0
//
// A mapped segment that its owner cuts off ends whoever reads it by SIGBUS. A tool says so instead.
#pragma once

#include <string_view>

namespace trackshm::tools {

// From now on such an end is one line on stderr and exit_failure. A SIGBUS that somebody sends ends the process as ever.
void guard_against_truncation(std::string_view program);

}  // namespace trackshm::tools
