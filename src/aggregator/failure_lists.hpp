// SPDX-License-Identifier: Apache-2.0
//
// What was in the way when an allocation failed: the largest live buffers of the device, found by a look through the
// tables. Small tables are looked through at once, before another event is applied; large ones some cells in each turn,
// so that nobody's events wait for it. A storm of failures makes no storm of looks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "aggregator/ledger.hpp"
#include "aggregator/process.hpp"

namespace trackshm::aggregator {

class FailureLists {
public:
    using Processes = std::vector<std::unique_ptr<TrackedProcess>>;

    explicit FailureLists(Ledger& ledger) : ledger_(ledger), devices_(shm::max_devices) {}

    // Before the first turn: wants the lists that a predecessor did not come to.
    void take_over() noexcept;

    // Whether a failure on the device calls for a new list: it has none of the last second.
    bool is_due(std::uint32_t slot, std::uint64_t now_ns) const noexcept {
        return !devices_[slot].wanted && now_ns >= devices_[slot].next_ns;
    }
    void want(std::uint32_t slot) noexcept { devices_[slot].wanted = any_wanted_ = true; }

    // Goes on, between batches, as far as one turn may. True if a list was finished.
    bool work(const Processes& processes, std::uint64_t now_ns);
    bool is_looking() const noexcept { return slot_ != Ledger::none; }

private:
    struct Device {
        bool wanted = false;
        std::uint64_t next_ns = 0;
    };
    // A process whose table is to be looked through. Not a pointer: it may end meanwhile.
    struct Subject {
        std::int32_t own_pid;
        std::uint64_t nonce;
        Table::Cursor cursor;
    };
    void begin(std::uint32_t slot, const Processes& processes);
    void look(const Processes& processes, std::uint64_t cells);
    void consider(const TableHeader& table, const Cell& cell);
    void finish(std::uint64_t now_ns) noexcept;

    Ledger& ledger_;
    std::vector<Device> devices_;
    bool any_wanted_ = false;
    std::uint64_t next_ns_ = 0;  // of any device

    // The look that is under way.
    std::uint32_t slot_ = Ledger::none;
    std::vector<Subject> subjects_;
    std::vector<shm::BufferRow> largest_;  // largest first
    bool in_parts_ = false;
    std::uint64_t begin_ns_ = 0;
    std::uint64_t begin_unix_ns_ = 0;
};

}  // namespace trackshm::aggregator
