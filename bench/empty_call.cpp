// SPDX-License-Identifier: Apache-2.0
#include "empty_call.hpp"

void empty_call_allocation(std::uint32_t, std::uint64_t, std::uint8_t, std::uint64_t) noexcept {}

void empty_call_deallocation(std::uint64_t) noexcept {}
