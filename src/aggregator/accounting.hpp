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
#pragma once

#include <cstdint>
#include <vector>

#include "aggregator/ledger.hpp"
#include "aggregator/process.hpp"
#include "shm/event.hpp"

namespace trackshm::aggregator {

class Accounting {
public:
    explicit Accounting(Ledger& ledger) : ledger_(ledger), accounts_(shm::max_type_rows) {}

    // Applies a batch of events within the open log batch. False if the table or the log has no room for them: roll
    // back, grow or take fewer, apply again.
    bool apply(TrackedProcess& process, const Batch& batch, std::uint32_t now_seconds) noexcept;

    // Releases all a process holds and adds what it counted to the ledger's totals of ended processes.
    void fold(TrackedProcess& process, const ReportedCounters& counters, std::uint64_t end_unix_ns) noexcept;

    // Whether a report was rejected because of one device too many.
    bool has_refused_a_device() const noexcept { return has_refused_a_device_; }

    // Within a batch: makes the ledger's live figures what the tables `held` say. They differ only if a table was taken
    // away or refused; then what it held counts as freed.
    void reconcile(const std::vector<UsageCell>& held) noexcept;

private:
    // One memory of one device as one process uses it: the three places where its figures are, saved in the log batch
    // that `batch` names. A log batch is about one process, so this need not say which.
    struct Account {
        std::uint64_t batch = 0;
        UsageCell* usage = nullptr;
        MemoryAccount* memory = nullptr;
        DeviceAccount* device = nullptr;
    };

    Account& account(TrackedProcess& process, std::uint32_t slot, std::uint32_t type) noexcept {
        Account& account = accounts_[slot * shm::type_count + type];
        if (account.batch != ledger_.log().batch()) [[unlikely]] open_account(account, process, slot, type);
        return account;
    }
    void open_account(Account& account, TrackedProcess& process, std::uint32_t slot, std::uint32_t type) noexcept;

    bool apply(TrackedProcess& process, const shm::Event& event, std::uint32_t now_seconds) noexcept;
    bool allocate(TrackedProcess& process, const shm::Event& event, std::uint32_t now_seconds) noexcept;
    void free(TrackedProcess& process, const shm::Event& event) noexcept;
    std::uint64_t free_once(TrackedProcess& process, const shm::Event& event) noexcept;
    void close_device(TrackedProcess& process, std::uint16_t device) noexcept;
    void set_gauge(TrackedProcess& process, const shm::Event& event) noexcept;
    void describe(TrackedProcess& process, const shm::Event& event) noexcept;
    void count_folded_pairs(TrackedProcess& process, const shm::Event& event) noexcept;
    void reject(TrackedProcess& process) noexcept;
    void doubt_peaks(TableHeader& process, Account& account) noexcept;

    void add_live(TableHeader& process, Account& account, std::uint64_t bytes) noexcept;
    void subtract_live(TableHeader& process, Account& account, std::uint64_t bytes) noexcept;
    void release(TableHeader& process, Account& account, std::uint64_t buffers, std::uint64_t bytes) noexcept;
    void change_gauge(TableHeader& process, Account& account, std::uint64_t bytes) noexcept;
    void release_cell(TrackedProcess& process, const Cell& cell) noexcept;

    Ledger& ledger_;
    bool has_refused_a_device_ = false;
    std::vector<Account> accounts_;  // by device slot and type
};

}  // namespace trackshm::aggregator
