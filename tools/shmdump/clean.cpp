// SPDX-License-Identifier: Apache-2.0
#include "shmdump/clean.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "shm/record_lock.hpp"
#include "shm/segment.hpp"

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

enum class Hold { held, absent, busy, failed };

// Takes the lock on the byte of a file that whoever uses it holds.
Hold hold_file(const std::string& file, std::int64_t byte, FileDescriptor& held) {
    FileDescriptor fd = open_segment(file, true);
    if (!fd.is_open()) return errno == ENOENT ? Hold::absent : Hold::failed;
    if (!shm::lock_as_description(fd.get(), byte)) return Hold::busy;
    struct stat info {};
    if (fstat(fd.get(), &info) != 0 || info.st_nlink == 0) return Hold::busy;  // replaced by somebody's own meanwhile
    held = std::move(fd);
    return Hold::held;
}

enum class Removal { done, gone, busy, failed };

// Removes segments under the locks that their owners would need, so that nobody begins to use one while it is removed.
// The inventory knows what was so before.
class Remover {
public:
    Removal remove(const SegmentInfo& segment) {
        FileDescriptor process;
        switch (hold(segment, process)) {
            case Hold::busy: return Removal::busy;
            case Hold::failed: return Removal::failed;
            case Hold::absent:
            case Hold::held: break;
        }
        if (!shm::leads_to(segment.file, segment.device, segment.inode)) return Removal::gone;
        if (unlink(shm::path_of(segment.file).c_str()) == 0) return Removal::done;
        return errno == ENOENT ? Removal::gone : Removal::failed;
    }

private:
    Hold hold(const SegmentInfo& segment, FileDescriptor& process) {
        switch (segment.name.kind) {
            case SegmentKind::process: return hold_file(segment.file, shm::claim_byte, process);
            case SegmentKind::stats: return hold_aggregator(segment.file);
            case SegmentKind::ledger:
            case SegmentKind::table:
                return hold_aggregator(shm::stats_segment_name(segment.name.name_space, segment.uid));
            case SegmentKind::temporary: break;
        }
        return Hold::held;  // nobody's: its creator is dead
    }

    // Until everything is removed: an aggregator that starts in between would find some of its state. It takes the lock
    // on its stats segment before it looks at anything else; where there is none, nobody serves.
    Hold hold_aggregator(const std::string& stats_file) {
        FileDescriptor& held = aggregators_[stats_file];
        return held.is_open() ? Hold::held : hold_file(stats_file, shm::aggregator_byte, held);
    }

    std::map<std::string, FileDescriptor> aggregators_;  // by stats segment
};

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
    Remover remover;
    for (const CleanDecision& decision : plan_clean(inventory, all)) {
        const std::string& file = decision.segment->file;
        if (!decision.removes) {
            result.report += fmt::format("kept    {}: {}\n", file, decision.reason);
            continue;
        }
        switch (remover.remove(*decision.segment)) {
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
