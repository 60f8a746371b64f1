// SPDX-License-Identifier: Apache-2.0
//
// Every mode but the live screen: frame after frame to stdout or a file, and --check.
#pragma once

#include <trackshm/stats.hpp>

#include "shmtop/options.hpp"

namespace trackshm::tools {

// Returns what to exit with.
int run_batch(stats::Reader& reader, const Options& options);

}  // namespace trackshm::tools
