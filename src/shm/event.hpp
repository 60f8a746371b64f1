// SPDX-License-Identifier: Apache-2.0
//
// One event and the 32-byte slot it travels in.
#pragma once

#include <atomic>
#include <cstdint>

#include "shm/atomics.hpp"

namespace trackshm::shm {

inline constexpr std::uint32_t max_device_id = 65535;
inline constexpr std::uint32_t type_count = 16;

// More than a process can report in nine months at full speed, and few enough that sums over all processes cannot wrap.
inline constexpr std::uint64_t most_events = std::uint64_t{1} << 53;

inline constexpr std::uint64_t max_size_bytes = (std::uint64_t{1} << 48) - 1;

// More than a coalescer can have folded in a week at full speed; what one slot may say of that.
inline constexpr std::uint64_t most_folded_events = std::uint64_t{1} << 46;

// What a slot says. Zero is none of them, so that a slot nobody wrote cannot pass for an event.
enum class EventKind : std::uint8_t {
    allocation = 1,
    free_by_id = 2,         // the oldest entry of the id
    free_on_device = 3,     // the oldest entry of the id on one device
    free_exact = 4,         // the entry (device, type, id)
    free_all = 5,           // every entry of the id
    device_closed = 6,
    usage = 7,              // gauge; size = absolute bytes
    allocation_failure = 8,
    describe_device = 9,    // count = byte offset in the name; id and size carry 16 bytes of it
    describe_memory = 10,   // size = capacity
    // Written by the coalescer, never reported by a program:
    folded_pairs = 11,      // id = number of allocations that were also freed; size = their bytes
    folded_frees = 12,      // id = implicit frees, size = ambiguous frees among the folded ones
    folded_free_all = 13,   // every entry of the id, if there still is one; its report counts as coalesced
    lowered_usage = 14,     // gauge; at most `size` bytes until its newest value follows
    coalesced_reports = 15, // id = number of reports that need no event: they cancelled out or were overtaken
};

inline constexpr bool is_free(EventKind kind) noexcept {
    return (kind >= EventKind::free_by_id && kind <= EventKind::free_all) || kind == EventKind::folded_free_all;
}
inline constexpr bool is_synthetic(EventKind kind) noexcept { return kind >= EventKind::folded_pairs; }
inline constexpr bool is_known(EventKind kind) noexcept {
    return kind >= EventKind::allocation && kind <= EventKind::coalesced_reports;
}

// Bytes of a device name in one describe_device event, and in all of them (the last byte is a NUL).
inline constexpr std::uint32_t name_chunk_bytes = 16;
inline constexpr std::uint32_t name_bytes = 64;

struct Event {
    EventKind kind{};
    std::uint8_t type = 0;
    std::uint16_t device = 0;
    std::uint32_t count = 1;  // frees and failures: how many reports this event stands for; names: an offset
    std::uint64_t id = 0;
    std::uint64_t size = 0;
    bool held = false;  // it waited in the coalescer: applied in its order, but not at its time

    // Reports of the program this event stands for: what reported = applied + pending + coalesced + dropped counts.
    constexpr std::uint64_t reports() const noexcept {
        if (is_synthetic(kind)) return 0;
        if (kind == EventKind::describe_device) return count == 0 ? 1 : 0;  // one report, several chunks
        return count;
    }
};

// An event that changes nothing: only its ticket counts. See sync.cpp.
inline constexpr Event mark{EventKind::folded_frees};
inline constexpr bool is_mark(const Event& event) noexcept {
    return event.kind == mark.kind && event.id == 0 && event.size == 0;
}

// The slot's fourth word: kind in bits 0..7, type 8..14, held 15, device 16..31, count 32..63.
inline constexpr std::uint64_t pack_what(EventKind kind, std::uint8_t type, std::uint16_t device,
                                         std::uint32_t count = 1, bool held = false) noexcept {
    return std::uint64_t{static_cast<std::uint8_t>(kind)} | std::uint64_t{type} << 8 | std::uint64_t{held} << 15 |
           std::uint64_t{device} << 16 | std::uint64_t{count} << 32;
}

inline constexpr std::uint64_t pack_what(const Event& event) noexcept {
    return pack_what(event.kind, event.type, event.device, event.count, event.held);
}

inline constexpr void unpack_event(Event& event, std::uint64_t what, std::uint64_t id, std::uint64_t size) noexcept {
    event.kind = static_cast<EventKind>(what & 0xff);
    event.type = static_cast<std::uint8_t>(what >> 8 & 0x7f);
    event.device = static_cast<std::uint16_t>(what >> 16);
    event.count = static_cast<std::uint32_t>(what >> 32);
    event.id = id;
    event.size = size;
    event.held = (what >> 15 & 1) != 0;
}

// Two slots per cache line. The words are stored and loaded relaxed: the lane's positions order them.
template <class Atomics>
struct BasicSlot {
    using Word = typename Atomics::template Ordered<std::uint64_t>;
    Word ticket;
    Word id;
    Word size;
    Word what;  // see pack_what
};
using Slot = BasicSlot<StdAtomics>;
static_assert(sizeof(Slot) == 32, "two slots per 64-byte line; the ABI of every ring");
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a lock would not work across processes");

template <class Atomics>
void store_slot(BasicSlot<Atomics>& slot, std::uint64_t ticket, std::uint64_t what, std::uint64_t id,
                std::uint64_t size) noexcept {
    slot.ticket.store(ticket, std::memory_order_relaxed);
    slot.id.store(id, std::memory_order_relaxed);
    slot.size.store(size, std::memory_order_relaxed);
    slot.what.store(what, std::memory_order_relaxed);
}

// Into place: an event that is put together from small stores and then copied in large ones would wait for them.
template <class Atomics>
void load_event(Event& event, const BasicSlot<Atomics>& slot) noexcept {
    unpack_event(event, slot.what.load(std::memory_order_relaxed), slot.id.load(std::memory_order_relaxed),
                 slot.size.load(std::memory_order_relaxed));
}

// Whether an event copied out of shared memory may be applied. The device is a 16-bit field and so always in range.
inline constexpr bool is_valid(const Event& event) noexcept {
    if (!is_known(event.kind) || event.type >= type_count) return false;
    if (event.kind == EventKind::describe_device) {
        return event.count % name_chunk_bytes == 0 && event.count < name_bytes;
    }
    if (event.count == 0) return false;
    switch (event.kind) {
        case EventKind::coalesced_reports: return event.id <= most_folded_events;
        case EventKind::folded_frees: return event.id <= most_folded_events && event.size <= most_folded_events;
        case EventKind::folded_pairs:
            return event.id != 0 && event.id <= most_folded_events && event.size / event.id <= max_size_bytes;
        default: break;
    }
    const bool carries_size = event.kind == EventKind::allocation || event.kind == EventKind::usage ||
                              event.kind == EventKind::lowered_usage ||
                              event.kind == EventKind::allocation_failure || event.kind == EventKind::describe_memory;
    return !carries_size || event.size <= max_size_bytes;
}

}  // namespace trackshm::shm
