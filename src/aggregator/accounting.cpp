// SPDX-License-Identifier: Apache-2.0
#include "aggregator/accounting.hpp"

#include <algorithm>
#include <cstring>

namespace trackshm::aggregator {

using shm::Event;
using shm::EventKind;

bool Accounting::apply(TrackedProcess& process, const Event& event, std::uint32_t now_seconds) noexcept {
    process.table_header().applied += event.reports();
    switch (event.kind) {
        case EventKind::allocation: return allocate(process, event, now_seconds);
        case EventKind::free_by_id:
        case EventKind::free_on_device:
        case EventKind::free_exact:
        case EventKind::free_all: free(process, event); break;
        case EventKind::device_closed: close_device(process, event.device); break;
        case EventKind::usage: set_gauge(process, event); break;
        case EventKind::allocation_failure:
        case EventKind::describe_device:
        case EventKind::describe_memory: describe(process, event); break;
        case EventKind::folded_pairs: count_folded_pairs(process, event); break;
        case EventKind::folded_frees:
            process.table_header().implicit_frees += event.id;
            process.table_header().ambiguous_frees += event.size;
            break;
        case EventKind::folded_free_all: free_once(process, event); break;
    }
    return true;
}

bool Accounting::allocate(TrackedProcess& process, const Event& event, std::uint32_t now_seconds) noexcept {
    const std::uint32_t slot = ledger_.slot_for(event.device);
    if (slot == Ledger::none) {
        reject(process);
        return true;
    }
    const auto inserted = process.table().insert(event.id, event.device, event.type, event.size, now_seconds);
    if (inserted.no_room) return false;
    if (inserted.replaced) {
        process.table_header().implicit_frees += 1;
        release_cell(process, *inserted.replaced);
    }
    const Place place{process, slot, event.device, event.type};
    UsageCell& usage = process.change_usage(slot, event.type, event.device);
    usage.buffers += 1;
    usage.buffer_bytes += event.size;
    process.table_header().live_buffers += 1;
    MemoryAccount& memory = ledger_.change_memory(slot, event.type);
    memory.seen = 1;
    memory.allocations += 1;
    memory.allocated_bytes += event.size;
    add_live(place, event.size);
    if (event.held) doubt_peaks(place);
    return true;
}

void Accounting::free(TrackedProcess& process, const Event& event) noexcept {
    TableHeader& header = process.table_header();
    for (std::uint32_t n = 0; n < event.count; ++n) {
        const std::uint64_t found = free_once(process, event);
        if (found == 0) {  // nor will the rest of them find anything
            header.unknown_frees += event.count - n;
            return;
        }
        if (event.kind == EventKind::free_by_id && found > 1) header.ambiguous_frees += 1;
    }
}

// Number of live entries the free could have meant.
std::uint64_t Accounting::free_once(TrackedProcess& process, const Event& event) noexcept {
    Table& table = process.table();
    if (event.kind == EventKind::free_all || event.kind == EventKind::folded_free_all) {
        std::uint64_t freed = 0;
        for (auto erased = table.erase_oldest(event.id); erased.cell; erased = table.erase_oldest(event.id)) {
            release_cell(process, *erased.cell);
            ++freed;
            if (erased.candidates == 1) break;
        }
        return freed;
    }
    const auto erased = event.kind == EventKind::free_by_id ? table.erase_oldest(event.id)
                        : event.kind == EventKind::free_on_device
                            ? table.erase_oldest_on(event.id, event.device)
                            : table.erase_exact(event.id, event.device, event.type);
    if (erased.cell) release_cell(process, *erased.cell);
    return erased.candidates;
}

void Accounting::close_device(TrackedProcess& process, std::uint16_t device) noexcept {
    const std::uint32_t slot = ledger_.slot_of(device);
    if (slot == Ledger::none) return;
    process.table().close_device(device);
    for (std::uint32_t type = 0; type < shm::type_count; ++type) {
        const UsageCell* usage = process.find_usage(slot, type);
        if (usage == nullptr) continue;
        const Place place = place_of(process, *usage);
        release(place, usage->buffers, usage->buffer_bytes);
        change_gauge(place, 0);
    }
}

void Accounting::set_gauge(TrackedProcess& process, const Event& event) noexcept {
    const std::uint32_t slot = ledger_.slot_for(event.device);
    if (slot == Ledger::none) return reject(process);
    ledger_.change_memory(slot, event.type).seen = 1;
    const Place place{process, slot, event.device, event.type};
    change_gauge(place, event.size);
    if (event.held) doubt_peaks(place);
}

void Accounting::describe(TrackedProcess& process, const Event& event) noexcept {
    const std::uint32_t slot = ledger_.slot_for(event.device);
    if (slot == Ledger::none) return reject(process);
    if (event.kind == EventKind::describe_device) {
        DeviceAccount& account = ledger_.change_device(slot);
        if (event.count == 0) std::memset(account.name, 0, sizeof account.name);
        std::memcpy(account.name + event.count, &event.id, sizeof event.id);
        std::memcpy(account.name + event.count + sizeof event.id, &event.size, sizeof event.size);
        account.name[sizeof account.name - 1] = '\0';
        return;
    }
    MemoryAccount& memory = ledger_.change_memory(slot, event.type);
    memory.seen = 1;
    if (event.kind == EventKind::describe_memory) {
        memory.capacity_bytes = event.size;
    } else {
        memory.allocation_failures += event.count;
    }
}

// Buffers that came and went inside a full process: they count, but when they lived, and so the peak, is not known.
void Accounting::count_folded_pairs(TrackedProcess& process, const Event& event) noexcept {
    const std::uint32_t slot = ledger_.slot_for(event.device);
    if (slot == Ledger::none) return reject(process);
    MemoryAccount& memory = ledger_.change_memory(slot, event.type);
    memory.seen = 1;
    memory.allocations += event.id;
    memory.deallocations += event.id;
    memory.allocated_bytes += event.size;
    memory.deallocated_bytes += event.size;
    doubt_peaks({process, slot, event.device, event.type});
}

// What was held back is applied later than it happened: from here on the peaks are lower bounds.
void Accounting::doubt_peaks(const Place& place) noexcept {
    ledger_.change_device(place.slot).peak_exact = 0;
    place.process.table_header().flags &= ~std::uint32_t{shm::process_peak_exact};
}

// One device more than there is room for: loud, and the process is not exact from here on.
void Accounting::reject(TrackedProcess& process) noexcept {
    has_refused_a_device_ = true;
    process.table_header().rejected += 1;
    process.table_header().flags &= ~std::uint32_t{shm::process_exact};
}

void Accounting::add_live(const Place& place, std::uint64_t bytes) noexcept {
    TableHeader& header = place.process.table_header();
    UsageCell& usage = place.process.change_usage(place.slot, place.type, place.device);
    MemoryAccount& memory = ledger_.change_memory(place.slot, place.type);
    DeviceAccount& device = ledger_.change_device(place.slot);
    memory.live_bytes += bytes;
    device.live_bytes += bytes;
    header.live_bytes += bytes;
    usage.peak_bytes = std::max(usage.peak_bytes, usage.live_bytes());
    memory.peak_bytes = std::max(memory.peak_bytes, memory.live_bytes);
    device.peak_bytes = std::max(device.peak_bytes, device.live_bytes);
    header.peak_bytes = std::max(header.peak_bytes, header.live_bytes);
}

void Accounting::subtract_live(const Place& place, std::uint64_t bytes) noexcept {
    ledger_.change_memory(place.slot, place.type).live_bytes -= bytes;
    ledger_.change_device(place.slot).live_bytes -= bytes;
    place.process.table_header().live_bytes -= bytes;
}

void Accounting::release(const Place& place, std::uint64_t buffers, std::uint64_t bytes) noexcept {
    UsageCell& usage = place.process.change_usage(place.slot, place.type, place.device);
    usage.buffers -= buffers;
    usage.buffer_bytes -= bytes;
    place.process.table_header().live_buffers -= buffers;
    MemoryAccount& memory = ledger_.change_memory(place.slot, place.type);
    memory.deallocations += buffers;
    memory.deallocated_bytes += bytes;
    subtract_live(place, bytes);
}

void Accounting::change_gauge(const Place& place, std::uint64_t bytes) noexcept {
    UsageCell& usage = place.process.change_usage(place.slot, place.type, place.device);
    MemoryAccount& memory = ledger_.change_memory(place.slot, place.type);
    const std::uint64_t before = usage.gauge_bytes;
    usage.gauge_bytes = bytes;
    memory.gauge_bytes += bytes - before;
    if (bytes >= before) {
        add_live(place, bytes - before);
    } else {
        subtract_live(place, before - bytes);
    }
}

void Accounting::release_cell(TrackedProcess& process, const Cell& cell) noexcept {
    const std::uint32_t slot = ledger_.slot_of(static_cast<std::uint16_t>(cell.device));
    if (slot == Ledger::none || cell.type() >= shm::type_count) [[unlikely]] {
        // An entry that no aggregator made: somebody wrote to the table between two of them.
        process.table_header().flags &= ~std::uint32_t{shm::process_exact};
        return;
    }
    release({process, slot, cell.device, cell.type()}, 1, cell.size());
}

Accounting::Place Accounting::place_of(TrackedProcess& process, const UsageCell& cell) noexcept {
    return {process, ledger_.slot_of(static_cast<std::uint16_t>(cell.device)), cell.device, cell.type};
}

void Accounting::reconcile(const std::vector<UsageCell>& held) noexcept {
    std::vector<UsageCell> sums(shm::max_type_rows);
    for (const UsageCell& cell : held) {
        UsageCell& sum = sums[ledger_.slot_of(static_cast<std::uint16_t>(cell.device)) * shm::type_count + cell.type];
        sum.buffers += cell.buffers;
        sum.buffer_bytes += cell.buffer_bytes;
        sum.gauge_bytes += cell.gauge_bytes;
    }
    for (std::uint32_t slot = 0; slot < ledger_.header().devices; ++slot) {
        std::uint64_t live_bytes = 0;
        for (std::uint32_t type = 0; type < shm::type_count; ++type) {
            const UsageCell& sum = sums[slot * shm::type_count + type];
            const MemoryAccount& now = ledger_.memory(slot, type);
            live_bytes += sum.live_bytes();
            const bool agrees = now.allocations - now.deallocations == sum.buffers &&
                                now.live_bytes == sum.live_bytes() && now.gauge_bytes == sum.gauge_bytes;
            if (agrees) continue;
            MemoryAccount& memory = ledger_.change_memory(slot, type);
            memory.deallocations = memory.allocations - sum.buffers;
            memory.deallocated_bytes = memory.allocated_bytes - sum.buffer_bytes;
            memory.live_bytes = sum.live_bytes();
            memory.gauge_bytes = sum.gauge_bytes;
        }
        if (ledger_.device(slot).live_bytes != live_bytes) ledger_.change_device(slot).live_bytes = live_bytes;
    }
}

void Accounting::fold(TrackedProcess& process, const ReportedCounters& counters, std::uint64_t end_unix_ns) noexcept {
    TableHeader& header = process.table_header();
    const std::uint64_t accounted = header.applied + counters.coalesced + counters.dropped;
    // What never reached a lane died with the process.
    const std::uint64_t lost = counters.reported > accounted ? counters.reported - accounted : 0;
    if (lost != 0 || counters.dropped != 0) header.flags &= ~std::uint32_t{shm::process_exact};

    shm::ExitedRow row{};
    row.pid = header.pid;
    row.uid = header.uid;
    row.flags = (header.flags & (shm::process_exact | shm::process_peak_exact)) |
                (counters.exited ? shm::process_clean : 0u);
    std::memcpy(row.comm, header.comm, sizeof row.comm);
    row.end_unix_ns = end_unix_ns;
    row.leaked_bytes = header.live_bytes;
    row.leaked_buffers = header.live_buffers;
    row.peak_bytes = header.peak_bytes;
    ledger_.add_exited(row);

    for (std::uint32_t i = 0; i < header.usage_cells; ++i) {
        const UsageCell& usage = process.usage_cells()[i];
        const Place place = place_of(process, usage);
        release(place, usage.buffers, usage.buffer_bytes);
        change_gauge(place, 0);
    }

    shm::EventCounters& ended = ledger_.change_header().ended;
    ended.reported += accounted + lost;
    ended.applied += header.applied;
    ended.coalesced += counters.coalesced;
    ended.dropped += counters.dropped + lost;
    ended.unknown_frees += header.unknown_frees;
    ended.ambiguous_frees += header.ambiguous_frees;
    ended.implicit_frees += header.implicit_frees;
    ended.rejected += header.rejected + counters.rejected;
    header.state = static_cast<std::uint32_t>(TableState::folded);
}

}  // namespace trackshm::aggregator
