// SPDX-License-Identifier: Apache-2.0
#include "common/address_space.hpp"

#include <algorithm>
#include <iterator>

namespace trackshm::tools {

AddressSpace::AddressSpace(std::uint64_t base, std::uint64_t capacity_bytes, std::uint64_t page_bytes)
    : page_bytes_(page_bytes), free_{{base, capacity_bytes}} {}

std::optional<std::uint64_t> AddressSpace::allocate(std::uint64_t size_bytes) {
    const std::uint64_t pages = std::max<std::uint64_t>(size_bytes / page_bytes_ + (size_bytes % page_bytes_ != 0), 1);
    const auto range = std::find_if(free_.begin(), free_.end(),
                                    [&](const auto& candidate) { return candidate.second / page_bytes_ >= pages; });
    if (range == free_.end()) return std::nullopt;

    const std::uint64_t taken_bytes = pages * page_bytes_;
    const auto [address, range_bytes] = *range;
    free_.erase(range);
    if (range_bytes > taken_bytes) free_.emplace(address + taken_bytes, range_bytes - taken_bytes);
    used_.emplace(address, taken_bytes);
    used_bytes_ += taken_bytes;
    return address;
}

bool AddressSpace::free(std::uint64_t address) {
    const auto used = used_.find(address);
    if (used == used_.end()) return false;
    used_bytes_ -= used->second;
    auto range = free_.emplace(address, used->second).first;
    used_.erase(used);

    const auto next = std::next(range);
    if (next != free_.end() && range->first + range->second == next->first) {
        range->second += next->second;
        free_.erase(next);
    }
    if (range != free_.begin()) {
        const auto previous = std::prev(range);
        if (previous->first + previous->second == range->first) {
            previous->second += range->second;
            free_.erase(range);
        }
    }
    return true;
}

}  // namespace trackshm::tools
