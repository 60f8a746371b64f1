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
    explicit Accounting(Ledger& ledger) noexcept : ledger_(ledger) {}

    // Applies one event within the open batch. False if the table has no room for it: roll back, grow, apply again.
    bool apply(TrackedProcess& process, const shm::Event& event, std::uint32_t now_seconds) noexcept;

    // Releases all a process holds and adds what it counted to the ledger's totals of ended processes.
    void fold(TrackedProcess& process, const ReportedCounters& counters, std::uint64_t end_unix_ns) noexcept;

    // Whether a report was rejected because of one device too many.
    bool has_refused_a_device() const noexcept { return has_refused_a_device_; }

    // Within a batch: makes the ledger's live figures what the tables `held` say. They differ only if a table was taken
    // away or refused; then what it held counts as freed.
    void reconcile(const std::vector<UsageCell>& held) noexcept;

private:
    struct Place {  // one memory of one device, as one process uses it
        TrackedProcess& process;
        std::uint32_t slot;
        std::uint32_t device;
        std::uint32_t type;
    };

    bool allocate(TrackedProcess& process, const shm::Event& event, std::uint32_t now_seconds) noexcept;
    void free(TrackedProcess& process, const shm::Event& event) noexcept;
    std::uint64_t free_once(TrackedProcess& process, const shm::Event& event) noexcept;
    void close_device(TrackedProcess& process, std::uint16_t device) noexcept;
    void set_gauge(TrackedProcess& process, const shm::Event& event) noexcept;
    void describe(TrackedProcess& process, const shm::Event& event) noexcept;
    void count_folded_pairs(TrackedProcess& process, const shm::Event& event) noexcept;
    void reject(TrackedProcess& process) noexcept;
    void doubt_peaks(const Place& place) noexcept;

    void add_live(const Place& place, std::uint64_t bytes) noexcept;
    void subtract_live(const Place& place, std::uint64_t bytes) noexcept;
    void release(const Place& place, std::uint64_t buffers, std::uint64_t bytes) noexcept;
    void change_gauge(const Place& place, std::uint64_t bytes) noexcept;
    void release_cell(TrackedProcess& process, const Cell& cell) noexcept;
    Place place_of(TrackedProcess& process, const UsageCell& cell) noexcept;

    Ledger& ledger_;
    bool has_refused_a_device_ = false;
};

}  // namespace trackshm::aggregator
