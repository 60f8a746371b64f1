// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace trackshm::tools {

// The help, line by line.
const std::vector<std::string_view>& help_lines();

}  // namespace trackshm::tools
