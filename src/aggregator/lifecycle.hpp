// SPDX-License-Identifier: Apache-2.0
//
// How a process comes under this aggregator's care: from a name in /dev/shm to a TrackedProcess.
//
//   open segment -> check it -> claim it -> find or make its table -> TrackedProcess
//
// Whatever does not pass a check is left alone; it is looked at again at the next scan.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/accounting.hpp"
#include "aggregator/discovery.hpp"
#include "aggregator/ledger.hpp"
#include "aggregator/process.hpp"

namespace trackshm::aggregator {

class Attacher {
public:
    Attacher(std::string name_space, std::uint32_t uid, Ledger& ledger)
        : name_space_(std::move(name_space)), uid_(uid), ledger_(ledger) {}

    // Null if the segment is not to be served by us, or not now. A process that a dead aggregator already accounted for
    // is removed instead. One that was served, and whose segment is no longer what it was, is taken over as a liar: what it
    // holds is released when it ends.
    // `lacking` is why a process that nobody else serves is not served, as an errno, and 0 otherwise.
    std::unique_ptr<TrackedProcess> attach(const Discovery::Found& found, int& lacking) noexcept;

    // Before anything is attached: adds what a table of ours says its process holds to `held`. A table that cannot be gone
    // on with is removed: its process starts over, not exact.
    // False, with errno set, if it cannot be looked at: then nobody knows what is held.
    bool take_stock(const Discovery::Found& table, std::vector<Holding>& held) noexcept;

    // A table whose process segment is gone: what it held is to be released. Null if it was accounted for already, or if
    // there is too little of something, as for attach(): then it is to be tried again.
    std::unique_ptr<TrackedProcess> adopt_orphan(const Discovery::Found& table, int& lacking) noexcept;

    // A segment under construction whose creator died half-way is nobody's: it goes.
    void remove_unfinished(const Discovery::Found& found) const noexcept;

private:
    bool has_table(const Discovery::Found& process) const noexcept;
    shm::SegmentStatus open_process(const Discovery::Found& found, shm::Segment& segment) const noexcept;
    bool is_ours_to_serve(const Discovery::Found& found, const shm::Segment& segment) const noexcept;
    shm::SegmentStatus open_table(const Discovery::Found& found, const shm::Segment& segment, shm::Segment& table) noexcept;
    shm::SegmentStatus create_table(const Discovery::Found& found, const shm::Segment& segment,
                                    shm::Segment& table) noexcept;
    bool served_by_its_user(std::uint32_t owner_uid) const noexcept;

    std::string name_space_;
    std::uint32_t uid_;
    Ledger& ledger_;
};

}  // namespace trackshm::aggregator
