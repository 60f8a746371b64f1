// SPDX-License-Identifier: Apache-2.0
#include "aggregator/accounting.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace trackshm::aggregator {

using shm::Event;
using shm::EventKind;

namespace {

// How many events ahead their cells are fetched: past some 10^4 live buffers they are not in the cache.
constexpr std::size_t prefetch_events = 12;

}  // namespace

bool Accounting::apply(TrackedProcess& process, const Batch& batch, const BatchTime& time) noexcept {
    time_ = time;
    lacks_usage_room_ = false;
    failures_.clear();
    process.table_header().applied += batch.reports;
    const std::span<const Event> events = batch.events();
    first_event_ = events.data();
    for (const Event& event : events.first(std::min(prefetch_events, events.size()))) process.table().prefetch(event.id);
    for (std::size_t i = 0; i < events.size(); ++i) {
        if (i + prefetch_events < events.size()) process.table().prefetch(events[i + prefetch_events].id);
        if (!apply(process, events[i]) || ledger_.log().overflowed()) return false;
    }
    if (!failures_.empty()) keep_last_failures(process.table_header());
    return !lacks_usage_room_;
}

inline bool Accounting::apply(TrackedProcess& process, const Event& event) noexcept {
    switch (event.kind) {
        case EventKind::allocation: return allocate(process, event);
        case EventKind::free_by_id:
        case EventKind::free_on_device:
        case EventKind::free_exact:
        case EventKind::free_all: free(process, event); break;
        case EventKind::device_closed: close_device(process, event.device); break;
        case EventKind::usage:
        case EventKind::lowered_usage: set_gauge(process, event); break;
        case EventKind::allocation_failure:
        case EventKind::describe_device:
        case EventKind::describe_memory: describe(process, event); break;
        case EventKind::folded_pairs: count_folded_pairs(process, event); break;
        case EventKind::folded_frees:
            process.table_header().implicit_frees += event.id;
            process.table_header().ambiguous_frees += event.size;
            process.table_header().folded += event.id + event.size;
            break;
        case EventKind::coalesced_reports: process.table_header().coalesced += event.id; break;
        case EventKind::folded_free_all: free_once(process, event); break;
    }
    return true;
}

inline bool Accounting::allocate(TrackedProcess& process, const Event& event) noexcept {
    const std::uint32_t slot = ledger_.slot_for(event.device);
    if (slot == Ledger::none) [[unlikely]] {
        reject(process, event.reports());
        return true;
    }
    const auto inserted = process.table().insert(event.id, event.device, event.type, event.size,
                                                 time_.monotonic_seconds);
    if (inserted.no_room) [[unlikely]] return false;
    TableHeader& header = process.table_header();
    if (inserted.replaced.taken()) [[unlikely]] {
        header.implicit_frees += 1;
        release_cell(process, inserted.replaced);
    }
    Account& account = this->account(process, slot, event.type);
    const SizeClass size_class = change_class(process, account, event.size);
    size_class.live += 1;
    size_class.allocated += 1;
    keep_share_of_peak(account);
    account.usage->buffers += 1;
    account.usage->buffer_bytes += event.size;
    account.memory->allocations += 1;
    account.memory->allocated_bytes += event.size;
    header.live_buffers += 1;
    add_live(header, account, event.size);
    if (event.held) doubt_peaks(header, account);
    return true;
}

inline void Accounting::free(TrackedProcess& process, const Event& event) noexcept {
    TableHeader& header = process.table_header();
    for (std::uint32_t n = 0; n < event.count && !ledger_.log().overflowed(); ++n) {
        const std::uint64_t found = free_once(process, event);
        if (found == 0) {  // nor will the rest of them find anything
            header.unknown_frees += event.count - n;
            return;
        }
        if (event.kind == EventKind::free_by_id && found > 1) header.ambiguous_frees += 1;
    }
}

// Number of live entries the free could have meant.
inline std::uint64_t Accounting::free_once(TrackedProcess& process, const Event& event) noexcept {
    Table& table = process.table();
    if (event.kind == EventKind::free_all || event.kind == EventKind::folded_free_all) {
        std::uint64_t freed = 0;
        std::uint64_t left = 1;
        // With the log full nothing is erased any more: the batch is about to be rolled back.
        while (left != 0 && !ledger_.log().overflowed()) {
            const auto erased = table.erase_oldest(event.id);
            if (!erased.cell.taken()) break;
            release_cell(process, erased.cell);
            ++freed;
            left = erased.candidates - 1;
        }
        return freed;
    }
    const auto erased = event.kind == EventKind::free_by_id ? table.erase_oldest(event.id)
                        : event.kind == EventKind::free_on_device
                            ? table.erase_oldest_on(event.id, event.device)
                            : table.erase_exact(event.id, event.device, event.type);
    if (erased.cell.taken()) release_cell(process, erased.cell);
    return erased.candidates;
}

void Accounting::close_device(TrackedProcess& process, std::uint16_t device) noexcept {
    const std::uint32_t slot = ledger_.slot_of(device);
    if (slot == Ledger::none) return;
    process.table().close_device(device);
    for (std::uint32_t type = 0; type < shm::type_count; ++type) {
        const UsageCell* usage = process.find_usage(slot, type);
        if (usage == nullptr) continue;
        Account& account = this->account(process, slot, type);
        for (std::uint32_t c = 0; c < shm::size_class_count; ++c) {
            if (usage->live_by_class[c] != 0) change_class(process, account, shm::size_class_limit(c)).live = 0;
        }
        release(process.table_header(), account, usage->buffers, usage->buffer_bytes);
        change_gauge(process.table_header(), account, 0);
    }
}

void Accounting::set_gauge(TrackedProcess& process, const Event& event) noexcept {
    const std::uint32_t slot = ledger_.slot_for(event.device);
    if (slot == Ledger::none) return reject(process, event.reports());
    Account& account = this->account(process, slot, event.type);
    const bool only_lowers = event.kind == EventKind::lowered_usage;
    const std::uint64_t bytes = only_lowers ? std::min(event.size, account.usage->gauge_bytes) : event.size;
    change_gauge(process.table_header(), account, bytes);
    if (event.held) doubt_peaks(process.table_header(), account);
}

void Accounting::describe(TrackedProcess& process, const Event& event) noexcept {
    const std::uint32_t slot = ledger_.slot_for(event.device);
    if (slot == Ledger::none) return reject(process, event.reports());
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
        failures_.push_back({slot, static_cast<std::uint32_t>(&event - first_event_ + 1)});
    }
}

// Of a device's failures in a batch the last one is kept.
void Accounting::keep_last_failures(const TableHeader& process) noexcept {
    for (std::size_t i = failures_.size(); i-- > 0;) {
        const std::uint32_t slot = failures_[i].slot;
        DeviceAnnex* const annex = ledger_.annex(slot);
        const bool is_last = std::exchange(failure_kept_[slot], ledger_.log().batch()) != ledger_.log().batch();
        if (!is_last || annex == nullptr) continue;
        const Event& event = first_event_[failures_[i].events - 1];
        shm::FailureRow& last = annex->failure.last;
        ledger_.save(last);
        last.count = 0;
        for (std::uint32_t type = 0; type < shm::type_count; ++type) {
            last.count += ledger_.memory(slot, type).allocation_failures;
        }
        last.unix_ns = time_.unix_ns;
        last.size_bytes = event.size;
        last.type = event.type;
        last.pid = process.pid;
        std::memcpy(last.comm, process.comm, sizeof last.comm);
    }
}

// Buffers that came and went inside a full process: they count, but when they lived, and so the peak, is not known.
void Accounting::count_folded_pairs(TrackedProcess& process, const Event& event) noexcept {
    process.table_header().folded += event.id;
    const std::uint32_t slot = ledger_.slot_for(event.device);
    if (slot == Ledger::none) {
        process.table_header().unknown_frees += event.id;
        return reject(process, event.id);
    }
    Account& account = this->account(process, slot, event.type);
    account.memory->allocations += event.id;
    account.memory->deallocations += event.id;
    account.memory->allocated_bytes += event.size;
    account.memory->deallocated_bytes += event.size;
    doubt_peaks(process.table_header(), account);
}

// What was held back is applied later than it happened: from here on the peaks are lower bounds.
void Accounting::doubt_peaks(TableHeader& process, Account& account) noexcept {
    account.device->peak_exact = 0;
    process.flags &= ~std::uint32_t{shm::process_peak_exact};
}

// One device more than there is room for: loud, and the process is not exact from here on.
void Accounting::reject(TrackedProcess& process, std::uint64_t reports) noexcept {
    has_refused_a_device_ = true;
    process.table_header().rejected += reports;
    process.table_header().flags &= ~std::uint32_t{shm::process_exact};
}

// --- accounts -------------------------------------------------------------------------------------------------------

// The first touch of an account in a log batch: finds its places and saves them, but for the classes.
void Accounting::open_account(Account& account, TrackedProcess& process, std::uint32_t slot,
                              std::uint32_t type) noexcept {
    account.device = &ledger_.change_device(slot);
    account.memory = &ledger_.change_memory(slot, type);
    account.memory->seen = 1;
    account.usage = process.change_usage(slot, type, account.device->device);
    account.saved_classes = 0;
    DeviceAnnex* const annex = ledger_.annex(slot);
    account.allocated_by_class = (annex != nullptr ? annex->classes[type] : unstored_classes_).allocated;
    if (account.usage == nullptr) [[unlikely]] {  // the batch will be rolled back: nothing may change that is not saved
        lacks_usage_room_ = true;
        account.usage = &unstored_usage_;
        account.allocated_by_class = unstored_classes_.allocated;
        account.saved_classes = ~std::uint64_t{0};
    }
    account.batch = ledger_.log().batch();
}

// Of that size, both saved by one check.
inline Accounting::SizeClass Accounting::change_class(TrackedProcess& process, Account& account,
                                                      std::uint64_t size) noexcept {
    const std::uint32_t size_class = shm::size_class_of(size);
    const std::uint64_t bit = std::uint64_t{1} << size_class;
    if ((account.saved_classes & bit) == 0) [[unlikely]] {
        process.save_class(*account.usage, size_class);
        if (account.allocated_by_class != unstored_classes_.allocated) {
            ledger_.save(account.allocated_by_class[size_class]);
        }
        account.saved_classes |= bit;
    }
    return {account.usage->live_by_class[size_class], account.allocated_by_class[size_class]};
}

// Before a change of what is live in a usage cell, and so before its device can come to a next peak.
inline void Accounting::keep_share_of_peak(Account& account) noexcept {
    if (account.usage->share_epoch == account.device->peak_epoch) return;
    account.usage->share_bytes = account.usage->live_bytes();
    account.usage->share_epoch = account.device->peak_epoch;
}

inline void Accounting::add_live(TableHeader& process, Account& account, std::uint64_t bytes) noexcept {
    DeviceAccount& device = *account.device;
    account.memory->live_bytes += bytes;
    device.live_bytes += bytes;
    process.live_bytes += bytes;
    account.usage->peak_bytes = std::max(account.usage->peak_bytes, account.usage->live_bytes());
    account.memory->peak_bytes = std::max(account.memory->peak_bytes, account.memory->live_bytes);
    process.peak_bytes = std::max(process.peak_bytes, process.live_bytes);
    device.interval_peak_bytes = std::max(device.interval_peak_bytes, device.live_bytes);
    if (device.live_bytes > device.peak_bytes) {
        device.peak_bytes = device.live_bytes;
        device.peak_epoch += 1;
        device.peak_unix_ns = time_.unix_ns;
    }
}

inline void Accounting::subtract_live(TableHeader& process, Account& account, std::uint64_t bytes) noexcept {
    account.memory->live_bytes -= bytes;
    account.device->live_bytes -= bytes;
    process.live_bytes -= bytes;
}

inline void Accounting::release(TableHeader& process, Account& account, std::uint64_t buffers,
                                std::uint64_t bytes) noexcept {
    keep_share_of_peak(account);
    account.usage->buffers -= buffers;
    account.usage->buffer_bytes -= bytes;
    account.memory->deallocations += buffers;
    account.memory->deallocated_bytes += bytes;
    process.live_buffers -= buffers;
    subtract_live(process, account, bytes);
}

void Accounting::change_gauge(TableHeader& process, Account& account, std::uint64_t bytes) noexcept {
    keep_share_of_peak(account);
    const std::uint64_t before = account.usage->gauge_bytes;
    account.usage->gauge_bytes = bytes;
    account.memory->gauge_bytes += bytes - before;
    if (bytes >= before) {
        add_live(process, account, bytes - before);
    } else {
        subtract_live(process, account, before - bytes);
    }
}

inline void Accounting::release_cell(TrackedProcess& process, const Cell& cell) noexcept {
    const std::uint32_t slot = ledger_.slot_of(static_cast<std::uint16_t>(cell.device));
    if (slot == Ledger::none || cell.type() >= shm::type_count) [[unlikely]] {
        // An entry that no aggregator made: somebody wrote to the table between two of them.
        process.table_header().flags &= ~std::uint32_t{shm::process_exact};
        return;
    }
    Account& account = this->account(process, slot, cell.type());
    change_class(process, account, cell.size()).live -= 1;
    release(process.table_header(), account, 1, cell.size());
}

bool Accounting::reconcile(const std::vector<Holding>& held) noexcept {
    bool differed = false;
    std::vector<Holding> sums(shm::max_type_rows);
    for (const Holding& cell : held) {
        Holding& sum = sums[ledger_.slot_of(static_cast<std::uint16_t>(cell.device)) * shm::type_count + cell.type];
        sum.buffers += cell.buffers;
        sum.buffer_bytes += cell.buffer_bytes;
        sum.gauge_bytes += cell.gauge_bytes;
    }
    for (std::uint32_t slot = 0; slot < ledger_.header().devices; ++slot) {
        std::uint64_t live_bytes = 0;
        for (std::uint32_t type = 0; type < shm::type_count; ++type) {
            const Holding& sum = sums[slot * shm::type_count + type];
            const std::uint64_t sum_bytes = sum.buffer_bytes + sum.gauge_bytes;
            const MemoryAccount& now = ledger_.memory(slot, type);
            live_bytes += sum_bytes;
            const bool agrees = now.allocations - now.deallocations == sum.buffers && now.live_bytes == sum_bytes &&
                                now.gauge_bytes == sum.gauge_bytes;
            if (agrees) continue;
            differed = true;
            MemoryAccount& memory = ledger_.change_memory(slot, type);
            memory.deallocations = memory.allocations - sum.buffers;
            memory.deallocated_bytes = memory.allocated_bytes - sum.buffer_bytes;
            memory.live_bytes = sum_bytes;
            memory.gauge_bytes = sum.gauge_bytes;
        }
        if (ledger_.device(slot).live_bytes == live_bytes) continue;
        differed = true;
        ledger_.change_device(slot).live_bytes = live_bytes;
    }
    return differed;
}

void Accounting::fold(TrackedProcess& process, const ReportedCounters& counters, std::uint64_t end_unix_ns) noexcept {
    TableHeader& header = process.table_header();
    shm::EventCounters& ended = ledger_.change_header().ended;
    const std::uint64_t kept = header.applied + header.coalesced;
    // What never reached a lane died with the process. Nobody can check these two: liars' claims must not make the sums wrap.
    constexpr std::uint64_t most_ever = std::uint64_t{1} << 62;
    const std::uint64_t believable = most_ever - std::min(most_ever, ended.reported + kept);
    const std::uint64_t dropped = std::min(counters.dropped, believable);
    const std::uint64_t accounted = kept + dropped;
    const std::uint64_t lost =
        counters.reported > accounted ? std::min(counters.reported - accounted, believable - dropped) : 0;
    // One that was killed between counting a slot of what it held and taking its ticket reports one too few: that nothing is
    // missing from the sum then proves nothing.
    const bool may_have_held = counters.coalescing != 0;
    if (lost != 0 || dropped != 0 || may_have_held || !process.end_is_certain()) {
        header.flags &= ~std::uint32_t{shm::process_exact};
    }

    shm::ExitedRow row{};
    row.pid = header.pid;
    row.uid = header.uid;
    row.flags = (header.flags & (shm::process_exact | shm::process_peak_exact)) |
                (counters.exited ? shm::process_clean : 0u) |
                (process.has_called_exec() ? shm::process_execed : 0u);
    std::memcpy(row.comm, header.comm, sizeof row.comm);
    row.end_unix_ns = end_unix_ns;
    row.leaked_bytes = header.live_bytes;
    row.leaked_buffers = header.live_buffers;
    row.peak_bytes = header.peak_bytes;
    ledger_.add_exited(row);

    for (std::uint32_t i = 0; i < header.usage_cells; ++i) {
        const UsageCell& usage = process.usage_cells()[i];
        const std::uint32_t slot = ledger_.slot_of(static_cast<std::uint16_t>(usage.device));
        Account& account = this->account(process, slot, usage.type);
        release(header, account, usage.buffers, usage.buffer_bytes);
        change_gauge(header, account, 0);
        if (const std::uint64_t share = share_of_peak(usage, *account.device); share != 0) {
            shm::HolderRow holder{header.pid, static_cast<std::uint16_t>(usage.type), 1, share, {}};
            std::memcpy(holder.comm, header.comm, sizeof holder.comm);
            ledger_.add_ended_holder(slot, holder);
        }
    }

    ended.reported += accounted + lost;
    ended.applied += header.applied;
    ended.coalesced += header.coalesced;
    ended.dropped += dropped + lost;
    ended.unknown_frees += header.unknown_frees;
    ended.ambiguous_frees += header.ambiguous_frees;
    ended.implicit_frees += header.implicit_frees;
    ended.rejected += header.rejected + counters.rejected;
    header.state = static_cast<std::uint32_t>(TableState::folded);
}

}  // namespace trackshm::aggregator
