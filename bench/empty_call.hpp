// SPDX-License-Identifier: Apache-2.0
//
// libempty_call.so: a hook that does nothing, with the hook's signature, behind the same kind of library boundary.
#pragma once

#include <cstdint>

extern "C" __attribute__((visibility("default"))) void empty_call_allocation(std::uint32_t device_id,
                                                                             std::uint64_t size_bytes,
                                                                             std::uint8_t buffer_type,
                                                                             std::uint64_t buffer_id) noexcept;
extern "C" __attribute__((visibility("default"))) void empty_call_deallocation(std::uint64_t buffer_id) noexcept;
