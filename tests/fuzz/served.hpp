// SPDX-License-Identifier: Apache-2.0
//
// An aggregator in this process that serves the fuzz target's namespace.
#pragma once

#include "fuzz/shm_file.hpp"

namespace trackshm::fuzz {

inline constexpr std::int32_t fuzzed_pid = 4'000'000;  // above pid_max's usual value, below its limit
inline constexpr std::uint64_t fuzzed_nonce = 0xf22;
inline constexpr std::uint32_t fuzzed_slots_per_lane = 64;

// The header of an honest process's segment, and an empty ring in every lane.
void fill_header(const ShmFile& segment);

// A few turns of the one aggregator of this process: it looks for segments, drains them, notices ends, publishes.
void serve();

// The same at the end of an input. Every now and then it is the last turn of that aggregator, and the next one begins
// afresh: with every device there is, publishing them would be most of the work.
void serve_the_end();

// The same with an aggregator that starts now, on the state it finds, and is gone afterwards.
void serve_as_successor();

}  // namespace trackshm::fuzz
