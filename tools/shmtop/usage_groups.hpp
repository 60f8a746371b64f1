// SPDX-License-Identifier: Apache-2.0
//
// Where a process holds its memory, in few words: lock-step use of a mesh is one of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <trackshm/stats.hpp>

#include "common/units.hpp"

namespace trackshm::tools {

// Neighbours in a process's usage that hold the same amount of the same memory.
struct UsageGroup {
    std::uint32_t first_device;
    std::uint32_t last_device;
    std::uint8_t type;
    std::uint64_t live_bytes;
};

// Largest first.
std::vector<UsageGroup> usage_groups(const stats::Process& process);

// "0-7:DRAM 100.0 MiB each, 3:L1 2.0 MiB"
std::string where_text(const stats::Process& process, ByteUnit unit = ByteUnit::automatic);

}  // namespace trackshm::tools
