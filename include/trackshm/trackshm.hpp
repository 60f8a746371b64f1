// SPDX-License-Identifier: Apache-2.0
//
// trackshm C++ API: the verbs of trackshm.h in a namespace, with a type for the memory kind. See trackshm.h for what
// each verb does, its ranges and its guarantees.
#pragma once

#include <chrono>
#include <cstdint>

#include <trackshm/trackshm.h>

namespace trackshm {

enum class BufferType : std::uint8_t {
    DRAM = TRACKSHM_DRAM,
    L1 = TRACKSHM_L1,
    SYSTEM_MEMORY = TRACKSHM_SYSTEM_MEMORY,
    L1_SMALL = TRACKSHM_L1_SMALL,
    TRACE = TRACKSHM_TRACE,
    CIRCULAR_BUFFER = TRACKSHM_CIRCULAR_BUFFER,
    KERNEL = TRACKSHM_KERNEL,
    HOST = TRACKSHM_HOST,
};

enum class SyncResult : int {
    done = TRACKSHM_SYNC_DONE,
    timed_out = TRACKSHM_SYNC_TIMED_OUT,
    no_aggregator = TRACKSHM_SYNC_NO_AGGREGATOR,
    off = TRACKSHM_SYNC_OFF,
};

inline constexpr std::uint32_t host_device = TRACKSHM_HOST_DEVICE;

inline bool enabled() noexcept { return trackshm_enabled(); }

inline void report_allocation(std::uint32_t device_id, std::uint64_t size_bytes, BufferType type,
                              std::uint64_t buffer_id) noexcept {
    trackshm_report_allocation(device_id, size_bytes, static_cast<std::uint8_t>(type), buffer_id);
}

inline void report_deallocation(std::uint64_t buffer_id) noexcept { trackshm_report_deallocation(buffer_id); }

inline void report_deallocation_on(std::uint32_t device_id, std::uint64_t buffer_id) noexcept {
    trackshm_report_deallocation_on(device_id, buffer_id);
}

inline void report_deallocation_of(std::uint32_t device_id, BufferType type, std::uint64_t buffer_id) noexcept {
    trackshm_report_deallocation_of(device_id, static_cast<std::uint8_t>(type), buffer_id);
}

inline void report_deallocation_all(std::uint64_t buffer_id) noexcept { trackshm_report_deallocation_all(buffer_id); }

inline void report_device_closed(std::uint32_t device_id) noexcept { trackshm_report_device_closed(device_id); }

inline void report_usage(std::uint32_t device_id, BufferType type, std::uint64_t bytes) noexcept {
    trackshm_report_usage(device_id, static_cast<std::uint8_t>(type), bytes);
}

inline void report_allocation_failure(std::uint32_t device_id, std::uint64_t size_bytes, BufferType type) noexcept {
    trackshm_report_allocation_failure(device_id, size_bytes, static_cast<std::uint8_t>(type));
}

inline void describe_device(std::uint32_t device_id, const char* name) noexcept {
    trackshm_describe_device(device_id, name);
}

inline void describe_memory(std::uint32_t device_id, BufferType type, std::uint64_t capacity_bytes) noexcept {
    trackshm_describe_memory(device_id, static_cast<std::uint8_t>(type), capacity_bytes);
}

inline SyncResult sync(std::uint32_t timeout_ms) noexcept { return static_cast<SyncResult>(trackshm_sync(timeout_ms)); }

// The same, for callers who think in durations; a negative one counts as 0, more than 2^32-1 ms as that.
inline SyncResult sync(std::chrono::milliseconds timeout) noexcept {
    const auto ms = timeout.count();
    return sync(static_cast<std::uint32_t>(ms < 0 ? 0 : (ms > 0xffffffffLL ? 0xffffffffLL : ms)));
}

}  // namespace trackshm
