// SPDX-License-Identifier: Apache-2.0
//
// The past as far as this shmtop saw it: live bytes per device for graphs, and totals for rates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

struct HistoryPoint {
    std::uint64_t time_unix_ns = 0;
    std::uint64_t bytes = 0;  // most that were live since the point before
};
using HistoryPoints = std::vector<HistoryPoint>;

struct Rates {  // per second
    double allocations = 0;
    double allocated_bytes = 0;
    double deallocations = 0;
    double deallocated_bytes = 0;
};

class History {
public:
    // A snapshot from before the last one makes it start anew: a recording was moved back.
    void add(const stats::Snapshot& snapshot);

    // As of the last snapshot; 0 of a device that is not there.
    std::uint64_t live_bytes(std::uint32_t device) const;

    // One point a second, oldest first.
    HistoryPoints points(std::uint32_t device) const;

    // Over the last seconds. Nothing until there are two snapshots some time apart.
    std::optional<Rates> rates(std::uint32_t device, std::uint8_t type) const;

private:
    static constexpr std::size_t max_points = 1800;
    static constexpr std::uint64_t rate_window_ns = 2'000'000'000;
    static constexpr std::uint64_t moment_distance_ns = 100'000'000;  // whatever the refresh, so many moments at most

    using Memory = std::pair<std::uint32_t, std::uint8_t>;
    struct Totals {
        std::uint64_t allocations;
        std::uint64_t allocated_bytes;
        std::uint64_t deallocations;
        std::uint64_t deallocated_bytes;
    };
    struct Moment {
        std::uint64_t time_unix_ns = 0;
        std::map<Memory, Totals> totals;
    };

    void add_points(const stats::Snapshot& snapshot);
    void add_moment(const stats::Snapshot& snapshot);

    std::map<std::uint32_t, std::uint64_t> live_bytes_;
    std::map<std::uint32_t, std::deque<HistoryPoint>> points_;
    std::deque<Moment> moments_;  // the first one is just outside the window
};

// What a graph of `count` columns of `step_ns` shows that ends at `now_ns`: the most of each column, nothing where
// nobody looked. Points that are no further apart than `max_gap_ns` hold until the next one.
std::vector<std::optional<std::uint64_t>> graph_series(const HistoryPoints& points, std::uint64_t now_ns,
                                                       std::uint64_t step_ns, std::size_t count,
                                                       std::uint64_t max_gap_ns);

}  // namespace trackshm::tools
