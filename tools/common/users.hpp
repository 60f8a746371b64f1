// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace trackshm::tools {

// Login name of a user, printable; the number itself where there is none.
std::string user_name(std::uint32_t uid);

}  // namespace trackshm::tools
