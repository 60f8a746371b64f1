// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/history.hpp"

#include <algorithm>

namespace trackshm::tools {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

}  // namespace

void History::add(const stats::Snapshot& snapshot) {
    if (!moments_.empty() && snapshot.time_unix_ns < moments_.back().time_unix_ns) {
        points_.clear();
        moments_.clear();
    }
    live_bytes_.clear();
    for (const stats::Device& device : snapshot.devices) live_bytes_[device.device] = device.live_bytes();
    if (!snapshot.aggregator_alive) return;  // the same figures again are no news
    add_points(snapshot);
    add_moment(snapshot);
}

void History::add_points(const stats::Snapshot& snapshot) {
    for (const stats::Device& device : snapshot.devices) {
        auto& points = points_[device.device];
        const std::uint64_t bytes = device.live_bytes();
        if (!points.empty() && points.back().time_unix_ns / second_ns == snapshot.time_unix_ns / second_ns) {
            points.back().bytes = std::max(points.back().bytes, bytes);
            continue;
        }
        points.push_back({snapshot.time_unix_ns, bytes});
        if (points.size() > max_points) points.pop_front();
    }
}

void History::add_moment(const stats::Snapshot& snapshot) {
    Moment moment;
    moment.time_unix_ns = snapshot.time_unix_ns;
    for (const stats::Device& device : snapshot.devices) {
        for (const auto& memory : device.types) {
            moment.totals[{device.device, memory.type}] = {memory.allocations_total, memory.allocated_bytes_total,
                                                           memory.deallocations_total, memory.deallocated_bytes_total};
        }
    }
    // The newest moment makes way for one that came too soon after the one before it.
    const bool is_too_soon = moments_.size() > 1 && moment.time_unix_ns < moments_.rbegin()[1].time_unix_ns + moment_distance_ns;
    if (is_too_soon) moments_.pop_back();
    moments_.push_back(std::move(moment));
    while (moments_.size() > 2 && moments_[1].time_unix_ns + rate_window_ns <= snapshot.time_unix_ns) {
        moments_.pop_front();
    }
}

std::uint64_t History::live_bytes(std::uint32_t device) const {
    const auto found = live_bytes_.find(device);
    return found == live_bytes_.end() ? 0 : found->second;
}

HistoryPoints History::points(std::uint32_t device) const {
    const auto found = points_.find(device);
    if (found == points_.end()) return {};
    return {found->second.begin(), found->second.end()};
}

std::optional<Rates> History::rates(std::uint32_t device, std::uint8_t type) const {
    if (moments_.size() < 2) return std::nullopt;
    const Moment& first = moments_.front();
    const Moment& last = moments_.back();
    const auto after = last.totals.find({device, type});
    const auto before = first.totals.find({device, type});
    if (after == last.totals.end() || last.time_unix_ns == first.time_unix_ns) return std::nullopt;
    const Totals start = before == first.totals.end() ? Totals{} : before->second;
    const Totals& end = after->second;
    // An aggregator that forgot its state began anew.
    if (end.allocations < start.allocations || end.deallocations < start.deallocations) return std::nullopt;
    const double seconds = static_cast<double>(last.time_unix_ns - first.time_unix_ns) / second_ns;
    const auto rate = [&](std::uint64_t from, std::uint64_t to) {
        return to < from ? 0 : static_cast<double>(to - from) / seconds;
    };
    return Rates{rate(start.allocations, end.allocations), rate(start.allocated_bytes, end.allocated_bytes),
                 rate(start.deallocations, end.deallocations), rate(start.deallocated_bytes, end.deallocated_bytes)};
}

std::vector<std::optional<std::uint64_t>> graph_series(const HistoryPoints& points, std::uint64_t now_ns,
                                                       std::uint64_t step_ns, std::size_t count,
                                                       std::uint64_t max_gap_ns) {
    std::vector<std::optional<std::uint64_t>> series(count);
    // Columns begin at whole multiples of the step, so that a value stays in one column while the graph moves on.
    const std::uint64_t last_column = now_ns / step_ns;
    const auto column_of = [&](std::uint64_t time_ns) -> std::optional<std::size_t> {
        const std::uint64_t column = time_ns / step_ns;
        if (column > last_column || last_column - column >= count) return std::nullopt;
        return count - 1 - static_cast<std::size_t>(last_column - column);
    };
    const auto raise = [&](std::size_t column, std::uint64_t bytes) {
        series[column] = std::max(series[column].value_or(0), bytes);
    };
    for (std::size_t i = 0; i < points.size(); ++i) {
        const HistoryPoint& point = points[i];
        const auto column = column_of(point.time_unix_ns);
        if (column) raise(*column, point.bytes);
        const std::uint64_t until = i + 1 < points.size() ? points[i + 1].time_unix_ns : now_ns;
        if (until <= point.time_unix_ns || until - point.time_unix_ns > max_gap_ns) continue;
        const auto end = column_of(until);
        if (!end) continue;
        for (std::size_t held = column ? *column + 1 : 0; held < *end + (i + 1 < points.size() ? 0 : 1); ++held) {
            raise(held, point.bytes);
        }
    }
    return series;
}

}  // namespace trackshm::tools
