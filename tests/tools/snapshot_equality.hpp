// SPDX-License-Identifier: Apache-2.0
//
// Equality of everything in a snapshot, member by member: a member that is added stops this from compiling, so that
// nobody forgets it here or in the format of recordings (tools/recording/snapshot_codec.cpp).
#pragma once

#include <tuple>

#include <trackshm/stats.hpp>

namespace trackshm::stats {

inline auto members(const TypeCounters& row) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k] = row;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k);
}
inline bool operator==(const TypeCounters& left, const TypeCounters& right) { return members(left) == members(right); }

inline auto members(const Device& row) {
    const auto& [a, b, c, d, e, f, g] = row;
    return std::tie(a, b, c, d, e, f, g);
}
inline bool operator==(const Device& left, const Device& right) { return members(left) == members(right); }

inline auto members(const Usage& row) {
    const auto& [a, b, c, d, e] = row;
    return std::tie(a, b, c, d, e);
}
inline bool operator==(const Usage& left, const Usage& right) { return members(left) == members(right); }

inline auto members(const Events& row) {
    const auto& [a, b, c, d, e, f, g, h, i] = row;
    return std::tie(a, b, c, d, e, f, g, h, i);
}
inline bool operator==(const Events& left, const Events& right) { return members(left) == members(right); }

inline auto members(const Process& row) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = row;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m);
}
inline bool operator==(const Process& left, const Process& right) { return members(left) == members(right); }

inline auto members(const Exited& row) {
    const auto& [a, b, c, d, e, f, g, h, i, j] = row;
    return std::tie(a, b, c, d, e, f, g, h, i, j);
}
inline bool operator==(const Exited& left, const Exited& right) { return members(left) == members(right); }

inline auto members(const PeakHolder& row) {
    const auto& [a, b, c, d, e] = row;
    return std::tie(a, b, c, d, e);
}
inline bool operator==(const PeakHolder& left, const PeakHolder& right) { return members(left) == members(right); }

inline auto members(const AtPeak& row) {
    const auto& [a, b, c, d, e] = row;
    return std::tie(a, b, c, d, e);
}
inline bool operator==(const AtPeak& left, const AtPeak& right) { return members(left) == members(right); }

inline auto members(const LargeBuffer& row) {
    const auto& [a, b, c, d, e, f] = row;
    return std::tie(a, b, c, d, e, f);
}
inline bool operator==(const LargeBuffer& left, const LargeBuffer& right) { return members(left) == members(right); }

inline auto members(const AllocationFailure& row) {
    const auto& [a, b, c, d, e, f, g, h, i] = row;
    return std::tie(a, b, c, d, e, f, g, h, i);
}
inline bool operator==(const AllocationFailure& left, const AllocationFailure& right) { return members(left) == members(right); }

inline auto members(const SizeClass& row) {
    const auto& [a, b, c] = row;
    return std::tie(a, b, c);
}
inline bool operator==(const SizeClass& left, const SizeClass& right) { return members(left) == members(right); }

inline auto members(const TypeDetails& row) {
    const auto& [a, b] = row;
    return std::tie(a, b);
}
inline bool operator==(const TypeDetails& left, const TypeDetails& right) { return members(left) == members(right); }

inline auto members(const Sample& row) {
    const auto& [a, b, c, d, e, f] = row;
    return std::tie(a, b, c, d, e, f);
}
inline bool operator==(const Sample& left, const Sample& right) { return members(left) == members(right); }

inline auto members(const DeviceDetails& row) {
    const auto& [a, b, c, d, e, f] = row;
    return std::tie(a, b, c, d, e, f);
}
inline bool operator==(const DeviceDetails& left, const DeviceDetails& right) { return members(left) == members(right); }

inline auto members(const ExitedTotals& row) {
    const auto& [a, b, c] = row;
    return std::tie(a, b, c);
}
inline bool operator==(const ExitedTotals& left, const ExitedTotals& right) { return members(left) == members(right); }

inline auto members(const Snapshot& row) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = row;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
}
inline bool operator==(const Snapshot& left, const Snapshot& right) { return members(left) == members(right); }

inline auto members(const Details& row) {
    const auto& [a, b, c, d] = row;
    return std::tie(a, b, c, d);
}
inline bool operator==(const Details& left, const Details& right) { return members(left) == members(right); }

}  // namespace trackshm::stats
