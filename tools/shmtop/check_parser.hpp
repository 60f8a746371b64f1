// SPDX-License-Identifier: Apache-2.0
//
// Text to CheckNode: the grammar is in check.hpp.
#pragma once

#include <stdexcept>
#include <string_view>

#include "shmtop/check.hpp"

namespace trackshm::tools {

// what() is one phrase for the user.
struct CheckSyntaxError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Throws CheckSyntaxError.
CheckNode parse_check(std::string_view text);

}  // namespace trackshm::tools
