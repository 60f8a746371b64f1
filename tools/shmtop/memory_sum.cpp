// SPDX-License-Identifier: Apache-2.0
#include "shmtop/memory_sum.hpp"

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
    described_live_bytes += memory.live_bytes;
}

void MemorySum::add(const stats::Device& device) noexcept {
    for (const stats::TypeCounters& memory : device.types) add(memory);
}

std::optional<long double> MemorySum::used_ratio() const noexcept {
    if (capacity_bytes.value_or(0) == 0) return std::nullopt;
    return static_cast<long double>(described_live_bytes) / static_cast<long double>(*capacity_bytes);
}

}  // namespace trackshm::tools
