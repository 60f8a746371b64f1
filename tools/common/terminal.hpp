// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace trackshm::tools {

// Both stdin and stdout are terminals, and one that can be more than printed on.
bool is_interactive_terminal();

// Width of the terminal that stdout is, else as $COLUMNS says, else the default.
std::size_t output_columns(std::size_t default_columns);

}  // namespace trackshm::tools
