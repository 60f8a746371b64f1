// SPDX-License-Identifier: Apache-2.0
//
// The figures of a snapshot that --check can name.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "shmtop/check.hpp"

namespace trackshm::tools {

using CheckGetter = std::function<CheckValue(const stats::Snapshot&)>;

// What `path` ("live_bytes", "device[3].dram.used_ratio") stands for; nothing if there is no such figure.
std::optional<CheckGetter> find_check_path(std::string_view path);

}  // namespace trackshm::tools
