// SPDX-License-Identifier: Apache-2.0
//
// The figures of a snapshot that --check can name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shmtop/check.hpp"

namespace trackshm::tools {

struct CheckPath {
    bool is_each = false;   // it has a [*]
    bool is_truth = false;  // true or false
    CheckFigures figures;
};

// What `path` ("live_bytes", "device[3].dram.used_ratio", in lower case) stands for; nothing if there is no such figure.
std::optional<CheckPath> find_check_path(std::string_view path);

// "; did you mean 'live_bytes'?" for a path that is none, or nothing.
std::string check_path_hint(std::string_view path);

}  // namespace trackshm::tools
