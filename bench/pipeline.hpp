// SPDX-License-Identifier: Apache-2.0
//
// The role of pipeline.cpp, for the benchmarks that run it in their own ways.
#pragma once

#include <cstdint>
#include <string>

#include "harness/experiment.hpp"

namespace trackshm::bench {

// `live_buffers` live while `steps` times 131072 events are reported and waited for; meanwhile so many other processes
// read the counters a thousand times a second each.
Trial pipeline_trial(std::string variant, std::uint64_t live_buffers, std::uint64_t steps, unsigned readers = 0);

}  // namespace trackshm::bench
