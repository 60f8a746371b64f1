// SPDX-License-Identifier: Apache-2.0
//
// Every mode but the live screen: frame after frame to stdout or a file, and --check.
#pragma once

#include "recording/frame_source.hpp"
#include "shmtop/options.hpp"

namespace trackshm::tools {

// Returns what to exit with.
// What breaks --check, if anything: also that the figures are old, since what they say need not be so any more. Those of a
// recording are meant to be.
std::optional<std::string> check_failure(const Options& options, const stats::Snapshot& snapshot);

int run_batch(FrameSource& frames, const Options& options);

}  // namespace trackshm::tools
