// SPDX-License-Identifier: Apache-2.0
//
// A 2x4 mesh of devices whose buffers are allocated in lock-step: one address is used on all eight of them.
#pragma once

#include <array>
#include <cstdint>

#include <trackshm/trackshm.hpp>

#include "common/address_space.hpp"

namespace trackshm::tools {

inline constexpr std::uint64_t MiB = std::uint64_t{1} << 20;
inline constexpr std::uint64_t GiB = std::uint64_t{1} << 30;

inline constexpr std::uint32_t mesh_rows = 2;
inline constexpr std::uint32_t mesh_columns = 4;
inline constexpr std::uint32_t mesh_devices = mesh_rows * mesh_columns;
// Device ids by place, row after row: where a device sits says nothing about its number.
inline constexpr std::array<std::uint32_t, mesh_devices> mesh_device_ids = {4, 0, 3, 7, 5, 1, 2, 6};

class Mesh {
public:
    // Describes every device and its memories.
    void open() const;

    // Allocates one address for all devices and reports a buffer there on each. Throws std::bad_alloc, after
    // reporting the failure, when the memory is used up.
    std::uint64_t allocate(BufferType type, std::uint64_t size_bytes);

    // Reports the buffer freed once per device, by its address alone, and takes the address back.
    void free(BufferType type, std::uint64_t address);

    std::uint64_t bytes_per_device(BufferType type) const noexcept;
    std::uint64_t live_buffers() const noexcept { return live_buffers_; }

private:
    AddressSpace& space(BufferType type) noexcept { return type == BufferType::L1 ? l1_ : dram_; }

    static constexpr std::uint64_t page_bytes_ = 4096;
    static constexpr std::uint64_t dram_bytes_ = 12 * GiB;
    static constexpr std::uint64_t l1_bytes_ = 75 * MiB;
    // Frees name an address and no memory, so no address may be valid in both: L1 starts past the end of DRAM.
    static constexpr std::uint64_t dram_base_ = page_bytes_;
    static constexpr std::uint64_t l1_base_ = 16 * GiB;
    static_assert(dram_base_ + dram_bytes_ <= l1_base_);

    AddressSpace dram_{dram_base_, dram_bytes_, page_bytes_};
    AddressSpace l1_{l1_base_, l1_bytes_, page_bytes_};
    std::uint64_t live_buffers_ = 0;
};

}  // namespace trackshm::tools
