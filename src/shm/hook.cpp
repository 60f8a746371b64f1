// SPDX-License-Identifier: Apache-2.0
//
// The C API. A hook that finds its lane open costs: load the mode, compare; compare two positions; one fetch_add; five
// stores. No clock, no lock, no system call, no allocation.
#include <trackshm/trackshm.h>

#include "shm/event.hpp"
#include "shm/internal_call.hpp"
#include "shm/os.hpp"
#include "shm/producer.hpp"

namespace trackshm::shm {
namespace {

// Called back by something we called, a malloc hook of the program's own: no event of the program, and what it would wait
// for may be held by this very thread.
bool is_nested() noexcept { return trackshm_internal_calls != 0; }

[[gnu::noinline, gnu::cold]] void report_slowly(std::uint64_t what, std::uint64_t id, std::uint64_t size) noexcept {
    if (is_nested()) return;
    const KeepErrno keep;
    const InternalCall internal;
    Event event;
    unpack_event(event, what, id, size);
    Producer::instance().report_slowly(event);
}

[[gnu::noinline, gnu::cold]] void reject() noexcept {
    if (is_nested()) return;
    const KeepErrno keep;
    const InternalCall internal;
    Producer::instance().count_rejected();
}

inline bool in_range(std::uint32_t device, std::uint64_t size, std::uint8_t type) noexcept {
    return (device >> 16 | std::uint32_t{type} >> 4 | static_cast<std::uint32_t>(size >> 48)) == 0;
}

[[gnu::always_inline]] inline void report(EventKind kind, std::uint32_t device, std::uint8_t type, std::uint64_t id,
                                          std::uint64_t size) noexcept {
    const Mode mode = gate.look();  // release: Producer::flush, Producer::start
    if (mode == Mode::off) return;
    if (!in_range(device, size, type)) [[unlikely]] return reject();
    const std::uint64_t what = pack_what(kind, type, static_cast<std::uint16_t>(device));
    if (mode == Mode::active && this_thread.lane.push(*tickets, what, id, size)) [[likely]] return;
    report_slowly(what, id, size);
}

__attribute__((destructor)) void at_exit() {
    const KeepErrno keep;
    const InternalCall internal;
    const Mode mode = gate.look();
    if (mode == Mode::active || mode == Mode::coalescing) Producer::instance().finish();
}

}  // namespace
}  // namespace trackshm::shm

using namespace trackshm::shm;

extern "C" {

bool trackshm_enabled(void) noexcept {
    const Mode mode = gate.look();
    if (mode != Mode::undecided) return mode != Mode::off;
    if (is_nested()) return false;
    const KeepErrno keep;
    const InternalCall internal;
    return Producer::instance().decide() != Mode::off;
}

void trackshm_report_allocation(uint32_t device_id, uint64_t size_bytes, uint8_t buffer_type,
                                uint64_t buffer_id) noexcept {
    report(EventKind::allocation, device_id, buffer_type, buffer_id, size_bytes);
}

void trackshm_report_deallocation(uint64_t buffer_id) noexcept { report(EventKind::free_by_id, 0, 0, buffer_id, 0); }

void trackshm_report_deallocation_on(uint32_t device_id, uint64_t buffer_id) noexcept {
    report(EventKind::free_on_device, device_id, 0, buffer_id, 0);
}

void trackshm_report_deallocation_of(uint32_t device_id, uint8_t buffer_type, uint64_t buffer_id) noexcept {
    report(EventKind::free_exact, device_id, buffer_type, buffer_id, 0);
}

void trackshm_report_deallocation_all(uint64_t buffer_id) noexcept { report(EventKind::free_all, 0, 0, buffer_id, 0); }

void trackshm_report_device_closed(uint32_t device_id) noexcept {
    report(EventKind::device_closed, device_id, 0, 0, 0);
}

void trackshm_report_usage(uint32_t device_id, uint8_t buffer_type, uint64_t bytes) noexcept {
    report(EventKind::usage, device_id, buffer_type, 0, bytes);
}

void trackshm_report_allocation_failure(uint32_t device_id, uint64_t size_bytes, uint8_t buffer_type) noexcept {
    report(EventKind::allocation_failure, device_id, buffer_type, 0, size_bytes);
}

void trackshm_describe_device(uint32_t device_id, const char* name) noexcept {
    if (gate.look() == Mode::off || name == nullptr || is_nested()) return;
    if (!in_range(device_id, 0, 0)) return reject();
    const KeepErrno keep;
    const InternalCall internal;
    Producer::instance().report_name(static_cast<std::uint16_t>(device_id), name);
}

void trackshm_describe_memory(uint32_t device_id, uint8_t buffer_type, uint64_t capacity_bytes) noexcept {
    report(EventKind::describe_memory, device_id, buffer_type, 0, capacity_bytes);
}

int trackshm_sync(uint32_t timeout_ms) noexcept {
    if (is_nested()) return TRACKSHM_SYNC_OFF;
    const KeepErrno keep;
    const InternalCall internal;
    return Producer::instance().sync(timeout_ms);
}

}  // extern "C"
