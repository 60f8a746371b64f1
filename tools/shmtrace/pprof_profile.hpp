// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

// A snapshot as a profile for pprof (profile.proto, gzip-compressed): one sample per process and memory with the values
// live_objects and live_bytes. Its stack is the device, below it the memory, below that the process.
std::string pprof_profile(const stats::Snapshot& snapshot);

}  // namespace trackshm::tools
