// SPDX-License-Identifier: Apache-2.0
//
// A device-address allocator: hands out page-aligned address ranges of one memory, first fit. It holds no memory
// itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace trackshm::tools {

class AddressSpace {
public:
    // Hands out [base, base + capacity_bytes); both multiples of page_bytes.
    AddressSpace(std::uint64_t base, std::uint64_t capacity_bytes, std::uint64_t page_bytes);

    // Address of a range of at least `size_bytes`, the lowest there is; nothing if none is large enough.
    std::optional<std::uint64_t> allocate(std::uint64_t size_bytes);

    // Takes back what allocate() returned. False if `address` is not allocated.
    bool free(std::uint64_t address);

    std::uint64_t used_bytes() const noexcept { return used_bytes_; }

private:
    std::uint64_t page_bytes_;
    std::uint64_t used_bytes_ = 0;
    // Address -> bytes. Neighbouring free ranges are always merged.
    std::map<std::uint64_t, std::uint64_t> free_;
    std::map<std::uint64_t, std::uint64_t> used_;
};

}  // namespace trackshm::tools
