// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace trackshm::tools {

// Reads exactly `bytes` at `offset`. False if there are fewer or they cannot be read.
bool read_at(int fd, void* target, std::size_t bytes, std::uint64_t offset);

}  // namespace trackshm::tools
