// SPDX-License-Identifier: Apache-2.0
//
// What several memories are together: those of a device, or one type on all devices.
#pragma once

#include <cstdint>
#include <optional>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

struct MemorySum {
    std::uint64_t live_bytes = 0;
    std::uint64_t live_buffers = 0;
    std::uint64_t gauge_bytes = 0;
    std::uint64_t allocations_total = 0;
    std::uint64_t allocated_bytes_total = 0;
    std::uint64_t deallocations_total = 0;
    std::uint64_t deallocated_bytes_total = 0;
    std::uint64_t allocation_failures_total = 0;
    std::optional<std::uint64_t> capacity_bytes;  // of the memories that are described
    std::optional<long double> used_ratio;        // of the fullest of these: others' room does not help where one is full

    void add(const stats::TypeCounters& memory) noexcept;
    void add(const stats::Device& device) noexcept;
};

}  // namespace trackshm::tools
