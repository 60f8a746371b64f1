// SPDX-License-Identifier: Apache-2.0
//
// What a soak has done, and the page it ends with.
#pragma once

#include <cstdint>
#include <string>

namespace trackshm::test {

struct Report {
    std::uint64_t seed = 0;
    double seconds = 0;
    std::uint64_t rounds = 0;
    std::uint64_t dropping_rounds = 0;  // of them
    std::uint64_t rounds_of_another_user = 0;  // of them
    std::uint64_t shortages = 0;
    std::uint64_t processes = 0;
    std::uint64_t processes_killed = 0;  // of them
    std::uint64_t processes_stopped = 0;
    std::uint64_t forked_children = 0;
    std::uint64_t guests = 0;
    std::uint64_t liars = 0;  // of them
    std::uint64_t aggregator_starts = 0;
    std::uint64_t aggregator_kills = 0;
    std::uint64_t aggregator_terminations = 0;
    std::uint64_t aggregator_stops = 0;
    std::uint64_t snapshots = 0;
    std::uint64_t reported = 0;
    std::uint64_t coalesced = 0;
    std::uint64_t dropped = 0;  // on purpose, or with a process that was killed while it coalesced
    std::uint64_t aggregator_peak_bytes = 0;
    std::uint64_t process_peak_bytes = 0;
    std::uint64_t shm_peak_bytes = 0;
    std::uint64_t longest_sync_ns = 0;
    std::string drift;  // one line for each figure that is not what it must be

    std::string text() const;
};

}  // namespace trackshm::test
