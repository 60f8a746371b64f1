// SPDX-License-Identifier: Apache-2.0
//
// The figures that the screen is made of.
#pragma once

#include <string>

#include <trackshm/stats.hpp>

#include "shmtop/filter.hpp"
#include "shmtop/screen/history.hpp"
#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

struct ScreenInput {
    stats::Snapshot snapshot;   // what passed the filter
    Filter filter;              // -d, -p, -t and --top
    History history;            // of all there is
    Extras extras;
    std::string source_status;  // empty: this is now
    bool can_seek = false;

    // What a view without rows says. `otherwise` would be untrue of what does not pass.
    std::string when_empty(const char* otherwise) const {
        return filter.text.empty() ? otherwise : "nothing here passes " + filter.text;
    }
};

}  // namespace trackshm::tools
