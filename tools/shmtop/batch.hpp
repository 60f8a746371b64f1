// SPDX-License-Identifier: Apache-2.0
//
// Every mode but the live screen: frame after frame to stdout or a file, and --check.
#pragma once

#include "recording/frame_source.hpp"
#include "shmtop/options.hpp"

namespace trackshm::tools {

// Returns what to exit with.
int run_batch(FrameSource& frames, const Options& options);

}  // namespace trackshm::tools
