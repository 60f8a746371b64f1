// SPDX-License-Identifier: Apache-2.0
#include "aggregator/lifecycle.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "aggregator/fault_guard.hpp"
#include "aggregator/state_check.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/record_lock.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

// Slots per lane of a segment that is what its name says, else 0.
std::uint32_t check(const Segment& segment, const SegmentName& name) noexcept {
    bool sound = false;
    std::uint32_t slots = 0;
    survives([&] {
        const auto* h = segment.at<const ProcessHeader>(0);
        slots = h->slots_per_lane;  // once: it may be another one at the next look
        sound = h->magic.load(std::memory_order_acquire) == process_magic && h->layout == layout_version &&
                h->header_bytes == sizeof(ProcessHeader) && h->lanes == lane_count &&
                h->lanes_offset == lanes_offset && h->slots_offset == slots_offset && slots >= min_slots_per_lane &&
                slots <= max_slots_per_lane && (slots & (slots - 1)) == 0 &&
                segment.bytes() >= process_segment_bytes(slots) && h->nonce == name.nonce && h->pid == name.pid &&
                h->boot_id == boot_id();
    });
    return sound ? slots : 0;
}

bool is_our_table(const Segment& table, std::uint64_t nonce) noexcept {
    const auto* h = table.at<const TableHeader>(0);
    return table.owner_uid() == geteuid() && h->magic == table_magic && h->layout == layout_version &&
           h->nonce == nonce && h->boot_id == boot_id();
}

bool leads_to_a_file(const std::string& name) {
    struct stat info {};
    return lstat(path_of(name).c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

// One that has not removes its segment itself when it ends, and leaves no record.
bool has_said_anything(const TableHeader& table) noexcept {
    const ReportedCounters& believed = table.believed;
    return table.slots_applied != 0 || believed.reported != 0 || believed.dropped != 0 || believed.rejected != 0;
}

// Events before the lanes' read positions were applied by an aggregator whose state is lost.
bool take_over_positions(const Segment& segment, TableHeader& table) noexcept {
    bool started = false;
    survives([&] {
        const auto* lanes = segment.at<const LaneHeader>(lanes_offset);
        for (std::uint32_t i = 0; i < lane_count; ++i) {
            table.lane_positions[i] = lanes[i].read_position.load(std::memory_order_acquire);
            table.slots_applied += table.lane_positions[i];
        }
        started = table.slots_applied != 0;
    });
    return started;
}

// What there was too little of, as an errno; 0 if that is not why.
int lacking_for(SegmentStatus status) noexcept {
    return status == SegmentStatus::no_space || status == SegmentStatus::failed ? errno : 0;
}

}  // namespace

std::unique_ptr<TrackedProcess> Attacher::attach(const Discovery::Found& found, int& lacking) noexcept {
    lacking = 0;
    const auto refused = [&lacking](SegmentStatus status) {
        lacking = lacking_for(status);
        return nullptr;
    };
    try {
        Segment segment;
        const SegmentStatus opened = open_process(found, segment);
        if (opened != SegmentStatus::ok) {
            refused(opened);
            if (lacking == 0 && has_table(found)) lacking = ENOTSUP;  // we served it, and cannot any more
            return nullptr;
        }
        if (!is_ours_to_serve(found, segment)) return nullptr;
        const std::uint32_t slots_per_lane = check(segment, found.name);
        const bool is_sound = slots_per_lane != 0;
        if (!is_sound && !has_table(found)) {
            const bool is_alive = lock_holder(segment.fd(), liveness_byte).has_value();
            lacking = is_alive && !lock_holder(segment.fd(), claim_byte) ? ENOTSUP : 0;
            return nullptr;
        }
        if (const SegmentStatus locked = segment.lock(claim_byte); locked != SegmentStatus::ok) return refused(locked);

        Segment table;
        SegmentStatus got = open_table(found, segment, table);
        if (got == SegmentStatus::absent && is_sound) got = create_table(found, segment, table);
        if (got == SegmentStatus::permission_denied) {
            lacking = EEXIST;
            return nullptr;
        }
        if (got != SegmentStatus::ok) return refused(got);
        const bool accounted_for =
            table.at<TableHeader>(0)->state == static_cast<std::uint32_t>(TableState::folded);
        auto process = std::make_unique<TrackedProcess>(
            std::move(segment), is_sound ? slots_per_lane : min_slots_per_lane, std::move(table), ledger_.log());
        if (accounted_for) {
            process->remove_segments();
            return nullptr;
        }
        const SegmentStatus mapped = process->table().attach();
        if (mapped != SegmentStatus::ok) return refused(mapped);
        if (!process->reserve_usage()) return refused(SegmentStatus::no_space);
        process->index_usage(ledger_);
        process->set_starved(false);  // if there still is no room for it we shall see
        if (is_sound) {
            process->release_slots();  // what was committed but not yet given back when the last aggregator died
        } else {
            process->distrust();
        }
        return process;
    } catch (...) {  // no memory: at the next scan
        lacking = ENOMEM;
        return nullptr;
    }
}

bool Attacher::has_table(const Discovery::Found& process) const noexcept {
    Segment table;
    return table.open(table_segment_name(name_space_, process.name.pid, process.name.nonce), bip::read_only,
                      first_area_offset, first_area_offset) == SegmentStatus::ok &&
           is_our_table(table, process.name.nonce);
}

// One of ours that was cut off is made long enough to be mapped again: whether its process lives is asked of the file.
SegmentStatus Attacher::open_process(const Discovery::Found& found, Segment& segment) const noexcept {
    const auto open = [&] {
        return segment.open(found.file, bip::read_write, slots_offset, process_segment_bytes(max_slots_per_lane));
    };
    const SegmentStatus opened = open();
    const bool may_be_cut_off = opened == SegmentStatus::unsuitable && has_table(found);
    return may_be_cut_off && lengthen_file(found.file, slots_offset) ? open() : opened;
}

void Attacher::remove_unfinished(const Discovery::Found& found) const noexcept {
    // A creator that we cannot see, in another pid namespace, is long done with what takes it a millisecond.
    constexpr std::int64_t longest_creation_seconds = 5;
    struct stat info {};
    const std::string path = path_of(found.file);
    if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || (uid_ != 0 && info.st_uid != uid_)) return;
    const auto now_seconds = static_cast<std::int64_t>(unix_ns() / 1'000'000'000);
    if (now_seconds - info.st_mtim.tv_sec <= longest_creation_seconds) return;
    if (kill(found.name.pid, 0) != 0 && errno == ESRCH) ::unlink(path.c_str());  // EPERM: it is alive
}

bool Attacher::take_stock(const Discovery::Found& found, std::vector<Holding>& held) noexcept {
    try {
        Segment table;
        // No more than is read here: that a table is too large to be mapped does not mean that it holds nothing.
        const SegmentStatus status = table.open(found.file, bip::read_only, first_area_offset, first_area_offset);
        if (lacking_for(status) != 0) return false;
        if (status != SegmentStatus::ok || table.owner_uid() != uid_) return true;
        if (!is_our_table(table, found.name.nonce) || !is_sound_table(table, ledger_)) {
            table.unlink();
            return true;
        }
        const auto* cells = table.at<const UsageCell>(usage_offset);
        for (std::uint32_t i = 0; i < table.at<const TableHeader>(0)->usage_cells; ++i) {
            held.push_back({cells[i].device, cells[i].type, cells[i].buffers, cells[i].buffer_bytes,
                            cells[i].gauge_bytes});
        }
        return true;
    } catch (...) {
        errno = ENOMEM;
        return false;
    }
}

std::unique_ptr<TrackedProcess> Attacher::adopt_orphan(const Discovery::Found& found, int& lacking) noexcept {
    lacking = 0;
    const auto refused = [&lacking](SegmentStatus status) {
        lacking = lacking_for(status);
        return nullptr;
    };
    try {
        const std::string owner = process_segment_name(name_space_, found.name.pid, found.name.nonce);
        Segment segment;
        const SegmentStatus owner_opened = open_process({owner, found.name}, segment);
        if (owner_opened == SegmentStatus::ok || lacking_for(owner_opened) != 0) return nullptr;  // attach() sees to it
        Segment table;
        const SegmentStatus opened = table.open(found.file, bip::read_write, first_area_offset, first_area_offset);
        if (opened != SegmentStatus::ok) return refused(opened);
        if (table.owner_uid() != uid_) return nullptr;
        const auto& header = *table.at<const TableHeader>(0);
        const bool to_release = is_our_table(table, found.name.nonce) && is_sound_table(table, ledger_) &&
                                header.state != static_cast<std::uint32_t>(TableState::folded) &&
                                has_said_anything(header);
        if (!to_release) {
            table.unlink();
            return nullptr;
        }
        const bool is_there = leads_to_a_file(owner);
        if (is_there && header.pid > 0 && (kill(header.pid, 0) == 0 || errno == EPERM)) {
            lacking = ENOTSUP;  // when it ends
            return nullptr;
        }
        if (is_there) remove_file(owner);
        // In place of the segment that is gone, one that says nothing; it goes with the table.
        Segment nothing;
        const SegmentStatus created = nothing.create(temporary_segment_name(name_space_, getpid(), random_nonce()),
                                                     process_segment_bytes(min_slots_per_lane), slots_offset);
        if (created != SegmentStatus::ok) return refused(created);
        auto process = std::make_unique<TrackedProcess>(std::move(nothing), min_slots_per_lane, std::move(table),
                                                        ledger_.log());
        process->index_usage(ledger_);
        process->distrust();
        process->table_header().flags &= ~std::uint32_t{process_exact};  // what it reported last is not known
        return process;
    } catch (...) {
        lacking = ENOMEM;
        return nullptr;
    }
}

// Whether this aggregator and no other is to serve it. Of two users' aggregators it is the one that has begun, as its
// table tells: what the process holds is in that one's ledger, and would stay there for ever if another went on. Before
// anyone has, a live one of its own user comes before root's.
bool Attacher::is_ours_to_serve(const Discovery::Found& found, const Segment& segment) const noexcept {
    const std::uint32_t owner = segment.owner_uid();
    if (owner == uid_) return true;
    if (uid_ != 0) return false;
    struct stat info {};
    const std::string table = path_of(table_segment_name(name_space_, found.name.pid, found.name.nonce));
    const bool has_table = lstat(table.c_str(), &info) == 0;
    if (has_table && info.st_uid == uid_) return true;
    return !(has_table && info.st_uid == owner) && !served_by_its_user(owner);
}

// `absent` if there is none, or none that anybody can go on with; that one is removed. `permission_denied` if somebody else
// keeps us from having one.
SegmentStatus Attacher::open_table(const Discovery::Found& found, const Segment& segment, Segment& table) noexcept {
    const std::string name = table_segment_name(name_space_, found.name.pid, found.name.nonce);
    const SegmentStatus opened = table.open(name, bip::read_write, first_area_offset, first_area_offset);
    if (opened == SegmentStatus::absent || lacking_for(opened) != 0) return opened;
    if (opened == SegmentStatus::ok && is_our_table(table, found.name.nonce) && is_sound_table(table, ledger_) &&
        table.at<TableHeader>(0)->uid == segment.owner_uid()) {
        return SegmentStatus::ok;
    }
    table.close();
    return remove_file(name) ? SegmentStatus::absent : SegmentStatus::permission_denied;
}

SegmentStatus Attacher::create_table(const Discovery::Found& found, const Segment& segment, Segment& table) noexcept {
    const std::string temporary = temporary_segment_name(name_space_, getpid(), random_nonce());
    const SegmentStatus created = Table::create(table, temporary);
    if (created != SegmentStatus::ok) return created;
    TableHeader& h = *table.at<TableHeader>(0);
    h.nonce = found.name.nonce;
    h.own_pid = found.name.pid;
    h.uid = segment.owner_uid();
    const auto holder = lock_holder(segment.fd(), liveness_byte);
    std::uint64_t its_pid_namespace = 0;
    survives([&] {
        const auto* process = segment.at<const ProcessHeader>(0);
        h.start_ticks = process->start_ticks;
        std::memcpy(h.comm, process->comm, sizeof h.comm);
        its_pid_namespace = process->pid_namespace;
    });
    // 0: not to be seen from this pid namespace, where its own number may be somebody else's.
    const bool is_in_ours = its_pid_namespace == 0 || its_pid_namespace == own_pid_namespace();
    if (holder) {
        h.pid = std::max(holder->pid, 0);
    } else {
        h.pid = is_in_ours ? found.name.pid : find_mapper(segment.device(), segment.inode());
    }
    h.comm[sizeof h.comm - 1] = '\0';
    if (take_over_positions(segment, h)) h.flags &= ~std::uint32_t{process_exact};
    const std::string name = table_segment_name(name_space_, found.name.pid, found.name.nonce);
    const SegmentStatus published = table.publish_as(name);
    if (published != SegmentStatus::ok) table.unlink();
    return published;
}

// A live user's own aggregator comes before root's.
bool Attacher::served_by_its_user(std::uint32_t owner_uid) const noexcept {
    Segment stats;
    if (stats.open(stats_segment_name(name_space_, owner_uid), bip::read_only, sizeof(StatsHeader),
                   sizeof(StatsHeader)) != SegmentStatus::ok) {
        return false;
    }
    return stats.owner_uid() == owner_uid && lock_holder(stats.fd(), aggregator_byte).has_value();
}

}  // namespace trackshm::aggregator
