// SPDX-License-Identifier: Apache-2.0
//
// What an event does to the figures: added, freed by id, replaced, closed, peaked. Each change goes through the undo log.
//
// Invariants, at every commit, for each (device, type):
//     memory.live_bytes  = sum over processes of usage.live_bytes()
//     memory.gauge_bytes = sum over processes of usage.gauge_bytes
//     memory.allocations - memory.deallocations             = sum over processes of usage.buffers
//     memory.allocated_bytes - memory.deallocated_bytes     = memory.live_bytes - memory.gauge_bytes
//     device.live_bytes  = sum over its types of memory.live_bytes
//     memory.allocations - memory.deallocations             = sum over processes and classes of usage.live_by_class
//     device.peak_bytes  = sum over processes and types of share_of_peak(), and what ended processes had of it
#pragma once

#include <cstdint>
#include <vector>

#include "aggregator/ledger.hpp"
#include "aggregator/process.hpp"
#include "shm/event.hpp"

namespace trackshm::aggregator {

// What a usage cell's process held in it when its device was last at its peak: what it held before it was changed for the
// first time since then, or, if it was not, what it holds.
inline std::uint64_t share_of_peak(const UsageCell& usage, const DeviceAccount& device) noexcept {
    return usage.share_epoch == device.peak_epoch ? usage.share_bytes : usage.live_bytes();
}

// What a table says its process holds in one memory.
struct Holding {
    std::uint32_t device;
    std::uint32_t type;
    std::uint64_t buffers;
    std::uint64_t buffer_bytes;
    std::uint64_t gauge_bytes;
};

// When a batch is applied.
struct BatchTime {
    std::uint32_t monotonic_seconds;
    std::uint64_t unix_ns;
};

class Accounting {
public:
    explicit Accounting(Ledger& ledger) : ledger_(ledger), accounts_(shm::max_type_rows) {
        failures_.reserve(Batch::max_events);
    }

    // Applies a batch of events within the open log batch. False if the table, the log or /dev/shm has no room for them:
    // roll back, grow or take fewer, apply again.
    bool apply(TrackedProcess& process, const Batch& batch, const BatchTime& time) noexcept;

    // Failed allocations of the last batch: on which device, and after how many of its events.
    struct Failure {
        std::uint32_t slot;
        std::uint32_t events;
    };
    const std::vector<Failure>& failures() const noexcept { return failures_; }

    // Why it was false: no storage for another usage cell of the process.
    bool lacks_usage_room() const noexcept { return lacks_usage_room_; }

    // Releases all a process holds and adds what it counted to the ledger's totals of ended processes.
    void fold(TrackedProcess& process, const ReportedCounters& counters, std::uint64_t end_unix_ns) noexcept;

    // Whether a report was rejected because of one device too many.
    bool has_refused_a_device() const noexcept { return has_refused_a_device_; }

    // Within a batch: makes the ledger's live figures what the tables `held` say. They differ only if a table was taken
    // away or refused; then what it held counts as freed. True if they did differ.
    bool reconcile(const std::vector<Holding>& held) noexcept;

private:
    // One memory of one device as one process uses it: the three places where its figures are, saved in the log batch
    // that `batch` names. A log batch is about one process, so this need not say which.
    struct Account {
        std::uint64_t batch = 0;
        UsageCell* usage = nullptr;
        MemoryAccount* memory = nullptr;
        DeviceAccount* device = nullptr;
        std::uint64_t* allocated_by_class = nullptr;
        std::uint64_t saved_classes = 0;  // a bit for each, of the usage cell's and of those above
    };

    Account& account(TrackedProcess& process, std::uint32_t slot, std::uint32_t type) noexcept {
        Account& account = accounts_[slot * shm::type_count + type];
        if (account.batch != ledger_.log().batch()) [[unlikely]] open_account(account, process, slot, type);
        return account;
    }
    void open_account(Account& account, TrackedProcess& process, std::uint32_t slot, std::uint32_t type) noexcept;

    bool apply(TrackedProcess& process, const shm::Event& event) noexcept;
    bool allocate(TrackedProcess& process, const shm::Event& event) noexcept;
    void free(TrackedProcess& process, const shm::Event& event) noexcept;
    std::uint64_t free_once(TrackedProcess& process, const shm::Event& event) noexcept;
    void close_device(TrackedProcess& process, std::uint16_t device) noexcept;
    void set_gauge(TrackedProcess& process, const shm::Event& event) noexcept;
    void describe(TrackedProcess& process, const shm::Event& event) noexcept;
    void keep_last_failures(const TableHeader& process) noexcept;
    void count_folded_pairs(TrackedProcess& process, const shm::Event& event) noexcept;
    void reject(TrackedProcess& process, std::uint64_t reports) noexcept;
    void doubt_peaks(TableHeader& process, Account& account) noexcept;

    struct SizeClass {
        std::uint32_t& live;
        std::uint64_t& allocated;
    };
    SizeClass change_class(TrackedProcess& process, Account& account, std::uint64_t size) noexcept;
    void keep_share_of_peak(Account& account) noexcept;
    void add_live(TableHeader& process, Account& account, std::uint64_t bytes) noexcept;
    void subtract_live(TableHeader& process, Account& account, std::uint64_t bytes) noexcept;
    void release(TableHeader& process, Account& account, std::uint64_t buffers, std::uint64_t bytes) noexcept;
    void change_gauge(TableHeader& process, Account& account, std::uint64_t bytes) noexcept;
    void release_cell(TrackedProcess& process, const Cell& cell) noexcept;

    Ledger& ledger_;
    bool has_refused_a_device_ = false;
    bool lacks_usage_room_ = false;
    BatchTime time_{};
    const shm::Event* first_event_ = nullptr;  // of the batch
    std::vector<Failure> failures_;
    std::vector<std::uint64_t> failure_kept_ = std::vector<std::uint64_t>(shm::max_devices);  // log batch, by slot
    std::vector<Account> accounts_;  // by device slot and type
    // In the place of what there is no storage for, so that nothing on an event's way has to ask.
    UsageCell unstored_usage_{};
    SizeClassAccount unstored_classes_{};
};

}  // namespace trackshm::aggregator
