/* SPDX-License-Identifier: Apache-2.0
 *
 * trackshm C API: the hooks a runtime calls when it hands out or takes back device memory.
 *
 * Every hook may be called from any thread, before main() and during exit. None of them throws, prints, blocks on the
 * aggregator, aborts or changes errno. With tracking off a hook is one load and a predicted branch. Like malloc, a hook
 * must not be called from a signal handler. A malloc of the program's own may call all of these; what it is called for by
 * this library itself is not reported then (trackshm_enabled says false, trackshm_sync TRACKSHM_SYNC_OFF).
 *
 * Order: report an allocation *after* the allocator returned it, and a deallocation *before* the allocator gets it
 * back. Then whatever happened-before in the program is applied in that order, across threads.
 *
 * Tracking is decided once, at the first call of any function below, from the environment:
 *   TRACKSHM=1 or TT_ALLOC_TRACKING_ENABLED=1   on; anything else is off
 *   TRACKSHM_NAMESPACE                          [A-Za-z0-9_-]{1,32}, default "default"
 *   TRACKSHM_RING_EVENTS                        slots per ring, a power of two in 64..1048576, default 4096
 *   TRACKSHM_OVERFLOW                           coalesce (default) or drop
 * A program that sets these with setenv() must do so before its first call here; trackshm_enabled() tells the outcome.
 *
 * Ranges: device_id 0..65535 (65535 is host memory); buffer_type 0..15; size_bytes 0..2^48-1; buffer_id any 64-bit
 * value. A report outside them changes nothing and is counted as "rejected".
 */
#ifndef TRACKSHM_TRACKSHM_H
#define TRACKSHM_TRACKSHM_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TRACKSHM_API __attribute__((visibility("default")))
#else
#define TRACKSHM_API
#endif

#ifdef __cplusplus
#define TRACKSHM_NOEXCEPT noexcept
extern "C" {
#else
#define TRACKSHM_NOEXCEPT
#endif

/* Device id of host memory. */
#define TRACKSHM_HOST_DEVICE 65535u

/* Values of buffer_type with a name; 8..15 are free for the runtime and shown as TYPE_8 ... TYPE_15. */
enum trackshm_buffer_type {
    TRACKSHM_DRAM = 0,
    TRACKSHM_L1 = 1,
    TRACKSHM_SYSTEM_MEMORY = 2,
    TRACKSHM_L1_SMALL = 3,
    TRACKSHM_TRACE = 4,
    TRACKSHM_CIRCULAR_BUFFER = 5,
    TRACKSHM_KERNEL = 6,
    TRACKSHM_HOST = 7
};

/* Results of trackshm_sync. */
enum trackshm_sync_result {
    TRACKSHM_SYNC_DONE = 0,
    TRACKSHM_SYNC_TIMED_OUT = 1,
    TRACKSHM_SYNC_NO_AGGREGATOR = 2,
    TRACKSHM_SYNC_OFF = 3
};

/* True if this process is tracked. False also when tracking was asked for but could not start (no room in /dev/shm). */
TRACKSHM_API bool trackshm_enabled(void) TRACKSHM_NOEXCEPT;

/* A buffer of size_bytes now exists. Reporting an entry (device, type, id) that is still live frees the old one first. */
TRACKSHM_API void trackshm_report_allocation(uint32_t device_id, uint64_t size_bytes, uint8_t buffer_type,
                                             uint64_t buffer_id) TRACKSHM_NOEXCEPT;

/* Frees the oldest live entry of buffer_id in this process, on whichever device it is. */
TRACKSHM_API void trackshm_report_deallocation(uint64_t buffer_id) TRACKSHM_NOEXCEPT;

/* Frees the oldest live entry of buffer_id on device_id: for runtimes whose ids repeat across devices. */
TRACKSHM_API void trackshm_report_deallocation_on(uint32_t device_id, uint64_t buffer_id) TRACKSHM_NOEXCEPT;

/* Frees exactly one entry: for memories with address spaces of their own (DRAM and L1 of one device). */
TRACKSHM_API void trackshm_report_deallocation_of(uint32_t device_id, uint8_t buffer_type,
                                                  uint64_t buffer_id) TRACKSHM_NOEXCEPT;

/* Frees every live entry of buffer_id: one report for a buffer that lies on all devices of a mesh. */
TRACKSHM_API void trackshm_report_deallocation_all(uint64_t buffer_id) TRACKSHM_NOEXCEPT;

/* Frees all this process holds on device_id and sets its gauges there to 0. */
TRACKSHM_API void trackshm_report_device_closed(uint32_t device_id) TRACKSHM_NOEXCEPT;

/* Gauge: this process uses `bytes` of that memory, absolutely, without buffers. Adds to live bytes. */
TRACKSHM_API void trackshm_report_usage(uint32_t device_id, uint8_t buffer_type, uint64_t bytes) TRACKSHM_NOEXCEPT;

/* An allocation of size_bytes was refused by the allocator. */
TRACKSHM_API void trackshm_report_allocation_failure(uint32_t device_id, uint64_t size_bytes,
                                                     uint8_t buffer_type) TRACKSHM_NOEXCEPT;

/* Names a device for the tools; UTF-8, up to 63 bytes are kept. A null name is ignored. */
TRACKSHM_API void trackshm_describe_device(uint32_t device_id, const char* name) TRACKSHM_NOEXCEPT;

/* Capacity of one memory of a device, in bytes. */
TRACKSHM_API void trackshm_describe_memory(uint32_t device_id, uint8_t buffer_type,
                                           uint64_t capacity_bytes) TRACKSHM_NOEXCEPT;

/* Waits, at most timeout_ms, until every event this process reported before the call is in the published counters.
 * Returns a trackshm_sync_result. The one function here that may block and make system calls: for tests and shutdown. */
TRACKSHM_API int trackshm_sync(uint32_t timeout_ms) TRACKSHM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
