// SPDX-License-Identifier: Apache-2.0
//
// Which tracked process started which.
#pragma once

#include <cstdint>
#include <vector>

#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

// For each of the processes the nearest one of them among its parents, as /proc has it now. Processes without one are
// not in it.
Parents find_parents(const std::vector<std::int32_t>& pids);

}  // namespace trackshm::tools
