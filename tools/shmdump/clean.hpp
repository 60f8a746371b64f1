// SPDX-License-Identifier: Apache-2.0
//
// `shmdump clean`: removes what nobody will need. What runs is never touched, nor what a running or a stopped
// aggregator still has to account for; with `all`, the state of stopped aggregators goes too.
#pragma once

#include <string>
#include <vector>

#include "segments/inventory.hpp"

namespace trackshm::tools {

struct CleanDecision {
    const SegmentInfo* segment = nullptr;
    bool removes = false;
    std::string reason;
};

// What to do with each segment, in the order to do it. Removes nothing.
std::vector<CleanDecision> plan_clean(const Inventory& inventory, bool all);

struct CleanResult {
    std::string report;  // one line per segment: what was done with it and why
    bool failed = false;
    bool denied = false;  // for want of permission
};

CleanResult clean(const Inventory& inventory, bool all);

}  // namespace trackshm::tools
