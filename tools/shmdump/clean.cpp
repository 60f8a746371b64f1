// SPDX-License-Identifier: Apache-2.0
#include "shmdump/clean.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shm/record_lock.hpp"

namespace trackshm::tools {
namespace {

using shm::SegmentKind;

// Aggregators that may have to do with a process or a table of that user: the user's own, and root's.
template <class Predicate>
bool any_aggregator(std::uint32_t uid, Predicate&& predicate) {
    return predicate(uid) || predicate(std::uint32_t{0});
}

class Planner {
public:
    Planner(const Inventory& inventory, bool all) : inventory_(inventory), all_(all) {}

    CleanDecision decide(const SegmentInfo& segment) const {
        switch (segment.name.kind) {
            case SegmentKind::process: return decide_process(segment);
            case SegmentKind::table: return decide_table(segment);
            case SegmentKind::ledger:
            case SegmentKind::stats: return decide_state(segment);
            case SegmentKind::temporary: break;
        }
        return segment.owner_alive ? keep(segment, "its creator is running") : remove(segment, "its creator is dead");
    }

private:
    static CleanDecision keep(const SegmentInfo& segment, const char* reason) { return {&segment, false, reason}; }
    static CleanDecision remove(const SegmentInfo& segment, const char* reason) { return {&segment, true, reason}; }

    bool is_served(std::uint32_t uid) const {
        return any_aggregator(uid, [&](std::uint32_t owner) { return inventory_.is_aggregator_alive(owner); });
    }
    bool has_ledger(std::uint32_t uid) const {
        return any_aggregator(uid, [&](std::uint32_t owner) {
            return inventory_.find(SegmentKind::ledger, owner) != nullptr;
        });
    }

    CleanDecision decide_process(const SegmentInfo& segment) const {
        if (segment.state == SegmentState::unreadable) return keep(segment, "no permission to look at it");
        if (segment.owner_alive) return keep(segment, "its process is running");
        if (is_served(segment.uid)) return keep(segment, "the running aggregator accounts for it and removes it");
        if (has_ledger(segment.uid) && !all_) {
            return keep(segment, "the next aggregator takes its last events from it; --all removes it");
        }
        return remove(segment, "its process is dead");
    }

    CleanDecision decide_table(const SegmentInfo& segment) const {
        if (segment.owner_alive) return keep(segment, "the running aggregator uses it");
        const bool has_own_ledger = inventory_.find(SegmentKind::ledger, segment.uid) != nullptr;
        if (has_own_ledger && !all_) return keep(segment, "state of a stopped aggregator; --all removes it");
        if (!all_ && inventory_.find(SegmentKind::process, segment.name.pid, segment.name.nonce) != nullptr) {
            return keep(segment, "its process segment is there; --all removes it");
        }
        return remove(segment, has_own_ledger ? "its aggregator is stopped" : "it belongs to no ledger");
    }

    // The ledger and the stats segment of one aggregator.
    CleanDecision decide_state(const SegmentInfo& segment) const {
        if (segment.state == SegmentState::unreadable) return keep(segment, "no permission to look at it");
        if (segment.owner_alive) return keep(segment, "the running aggregator uses it");
        const bool is_orphan = segment.is(SegmentKind::stats) &&
                               inventory_.find(SegmentKind::ledger, segment.name.uid) == nullptr;
        if (is_orphan || all_) return remove(segment, "its aggregator is stopped");
        return keep(segment, "state of a stopped aggregator; --all removes it");
    }

    const Inventory& inventory_;
    bool all_;
};

enum class Removal { done, gone, busy, failed };

// Holds the lock that an owner would need, so that nobody begins to use the segment while it is removed.
Removal remove_segment(const SegmentInfo& segment) {
    FileDescriptor fd;
    if (!segment.is(SegmentKind::temporary)) {
        fd = open_segment(segment.file, true);
        if (!fd.is_open()) return errno == ENOENT ? Removal::gone : Removal::failed;
        struct stat info {};
        if (fstat(fd.get(), &info) != 0) return Removal::failed;
        if (info.st_ino != segment.inode || info.st_dev != segment.device) return Removal::gone;
        const bool is_locked = segment.is(SegmentKind::stats) || segment.is(SegmentKind::process);
        const auto byte = segment.is(SegmentKind::stats) ? shm::aggregator_byte : shm::claim_byte;
        if (is_locked && !shm::lock_as_description(fd.get(), byte)) return Removal::busy;
    }
    struct stat now {};
    const std::string path = shm::path_of(segment.file);
    if (lstat(path.c_str(), &now) != 0 || now.st_ino != segment.inode || now.st_dev != segment.device) {
        return Removal::gone;
    }
    if (unlink(path.c_str()) == 0) return Removal::done;
    return errno == ENOENT ? Removal::gone : Removal::failed;
}

}  // namespace

std::vector<CleanDecision> plan_clean(const Inventory& inventory, bool all) {
    const Planner planner(inventory, all);
    std::vector<CleanDecision> plan;
    for (const SegmentInfo& segment : inventory.segments()) plan.push_back(planner.decide(segment));
    // Ledgers first: without one, whatever a crash leaves behind is plainly of no use.
    std::stable_partition(plan.begin(), plan.end(),
                          [](const CleanDecision& decision) { return decision.segment->is(SegmentKind::ledger); });
    return plan;
}

CleanResult clean(const Inventory& inventory, bool all) {
    CleanResult result;
    for (const CleanDecision& decision : plan_clean(inventory, all)) {
        const std::string& file = decision.segment->file;
        if (!decision.removes) {
            result.report += fmt::format("kept    {}: {}\n", file, decision.reason);
            continue;
        }
        switch (remove_segment(*decision.segment)) {
            case Removal::done: result.report += fmt::format("removed {}: {}\n", file, decision.reason); break;
            case Removal::gone: result.report += fmt::format("gone    {}: somebody else removed it\n", file); break;
            case Removal::busy: result.report += fmt::format("kept    {}: somebody began to use it\n", file); break;
            case Removal::failed:
                result.failed = true;
                result.denied = result.denied || errno == EACCES || errno == EPERM;
                result.report += fmt::format("kept    {}: cannot remove it: {}\n", file, std::strerror(errno));
        }
    }
    return result;
}

}  // namespace trackshm::tools
