// SPDX-License-Identifier: Apache-2.0
//
// The figures that the screen is made of.
#pragma once

#include <string>

#include <trackshm/stats.hpp>

#include "shmtop/screen/history.hpp"
#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

struct ScreenInput {
    stats::Snapshot snapshot;   // what passed -d, -p, -t and --top
    History history;            // of all there is
    Extras extras;
    std::string source_status;  // empty: this is now
    bool can_seek = false;
};

}  // namespace trackshm::tools
