// SPDX-License-Identifier: Apache-2.0
#include "shmtop/memory_sum.hpp"

#include <algorithm>

namespace trackshm::tools {

void MemorySum::add(const stats::TypeCounters& memory) noexcept {
    live_bytes += memory.live_bytes;
    live_buffers += memory.live_buffers;
    gauge_bytes += memory.gauge_bytes;
    allocations_total += memory.allocations_total;
    allocated_bytes_total += memory.allocated_bytes_total;
    deallocations_total += memory.deallocations_total;
    deallocated_bytes_total += memory.deallocated_bytes_total;
    allocation_failures_total += memory.allocation_failures_total;
    if (!memory.capacity_bytes) return;
    capacity_bytes = capacity_bytes.value_or(0) + *memory.capacity_bytes;
    if (*memory.capacity_bytes == 0) return;
    const auto ratio = static_cast<long double>(memory.live_bytes) / static_cast<long double>(*memory.capacity_bytes);
    used_ratio = std::max(used_ratio.value_or(0), ratio);
}

void MemorySum::add(const stats::Device& device) noexcept {
    for (const stats::TypeCounters& memory : device.types) add(memory);
}

}  // namespace trackshm::tools
