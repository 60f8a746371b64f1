// SPDX-License-Identifier: Apache-2.0
//
// The class that code written for the socket allocation server calls, on top of trackshm: such code compiles against
// this header unchanged. A negative device id is rejected like any other id out of range.
#pragma once

#include <cstdint>

#include <trackshm/trackshm.h>

namespace tt::tt_metal {

class AllocationClient {
public:
    static void report_allocation(int device_id, std::uint64_t size, std::uint8_t buffer_type,
                                  std::uint64_t buffer_id) noexcept {
        trackshm_report_allocation(static_cast<std::uint32_t>(device_id), size, buffer_type, buffer_id);
    }

    static void report_deallocation(std::uint64_t buffer_id) noexcept { trackshm_report_deallocation(buffer_id); }

    static void report_deallocation(int device_id, std::uint64_t buffer_id) noexcept {
        trackshm_report_deallocation_on(static_cast<std::uint32_t>(device_id), buffer_id);
    }

    static bool is_enabled() noexcept { return trackshm_enabled(); }
};

}  // namespace tt::tt_metal
