// SPDX-License-Identifier: Apache-2.0
#include "mesh_workload/mesh.hpp"

#include <fmt/format.h>

#include <new>

namespace trackshm::tools {

void Mesh::open() const {
    for (std::uint32_t place = 0; place < mesh_devices; ++place) {
        const std::uint32_t device = mesh_device_ids[place];
        const std::string name = fmt::format("mesh ({},{})", place / mesh_columns, place % mesh_columns);
        describe_device(device, name.c_str());
        describe_memory(device, BufferType::DRAM, dram_bytes_);
        describe_memory(device, BufferType::L1, l1_bytes_);
    }
}

std::uint64_t Mesh::allocate(BufferType type, std::uint64_t size_bytes) {
    const auto address = space(type).allocate(size_bytes);
    if (!address) {
        for (const std::uint32_t device : mesh_device_ids) report_allocation_failure(device, size_bytes, type);
        throw std::bad_alloc();
    }
    for (const std::uint32_t device : mesh_device_ids) report_allocation(device, size_bytes, type, *address);
    live_buffers_ += mesh_devices;
    return *address;
}

void Mesh::free(BufferType type, std::uint64_t address) {
    // Before the allocator gets the address back: another thread could be handed it at once.
    for (std::uint32_t i = 0; i < mesh_devices; ++i) report_deallocation(address);
    live_buffers_ -= mesh_devices;
    space(type).free(address);
}

std::uint64_t Mesh::bytes_per_device(BufferType type) const noexcept {
    return type == BufferType::L1 ? l1_.used_bytes() : dram_.used_bytes();
}

}  // namespace trackshm::tools
