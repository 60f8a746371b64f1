// SPDX-License-Identifier: Apache-2.0
//
// The live screen.
#pragma once

#include <optional>

#include "shmtop/options.hpp"
#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

// Shows frames until the user quits; returns what to exit with. Nothing, with the terminal untouched, if it cannot show
// a screen. A signal that ends it is raised again once the terminal is restored.
std::optional<int> run_live(SnapshotSource& source, const Options& options);

}  // namespace trackshm::tools
