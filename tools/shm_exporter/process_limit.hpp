// SPDX-License-Identifier: Apache-2.0
//
// Bounds the number of series there are of processes.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <trackshm/stats.hpp>

#include "common/metrics.hpp"

namespace trackshm::tools {

// The comm of those that have no series of their own, with pid 0.
inline constexpr std::string_view other_processes = "(others)";

// All but the `limit` processes that hold the most become one for metrics_of(), which merges what has the same labels.
void merge_processes_beyond(std::size_t limit, stats::Snapshot& snapshot);

// Takes the others out of what does not add up: the counters, since which processes they are changes, so that their sum
// goes back, which a counter never does; and the peaks, which were not at one time.
void drop_what_does_not_add_up(std::vector<MetricFamily>& families);

}  // namespace trackshm::tools
