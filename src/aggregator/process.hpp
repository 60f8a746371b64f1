// SPDX-License-Identifier: Apache-2.0
//
// One tracked process as the aggregator holds it: its segment, which is not trusted, its table, which is ours, and how
// far its lanes are read.
//
// Events of all lanes are merged by ticket, see lane_merge.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/lane_merge.hpp"
#include "aggregator/table.hpp"
#include "aggregator/table_abi.hpp"
#include "shm/file_mapping.hpp"
#include "shm/process_abi.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

enum class ReadResult { ok, corrupt };

class TrackedProcess {
public:
    // `slots_per_lane`: as it was when the segment was checked. Nothing that was checked is read a second time.
    TrackedProcess(shm::Segment segment, std::uint32_t slots_per_lane, shm::Segment table_segment, UndoLog& log);
    ~TrackedProcess();
    TrackedProcess(const TrackedProcess&) = delete;
    TrackedProcess& operator=(const TrackedProcess&) = delete;

    // Its segment is not what it was when its table was made, or is gone: nothing is read from there, and what was believed
    // last stands. It is quarantined when its turn comes.
    void distrust() noexcept { lied_ = true; }

    // Whether a look at the lanes may be worth while: one load.
    bool has_news() noexcept;
    // Copies up to batch.limit visible events. Changes nothing.
    ReadResult read(Batch& batch) noexcept;
    // Looks for what no honest process does, also where there is nothing new to read. Leaves nothing of use in `scratch`.
    ReadResult inspect(Batch& scratch) noexcept;
    // After the batch is committed: gives its slots back to the producer.
    void release_slots() noexcept;
    // After a publication: everything with a smaller ticket is in it.
    void publish_watermark() noexcept;
    void note_applied_below(std::uint64_t ticket) noexcept { applied_below_ = ticket; }
    bool watermark_is_due() const noexcept { return applied_below_ != published_below_; }

    // What it says of itself, as far as that is believed: of a liar, what it said before.
    const ReportedCounters& counters() noexcept;

    // The kernel's word on whether the process is gone; see liveness. Where it gives none, a process without its lock counts
    // as ended, but what is known of it then does not count as exact.
    bool has_ended() noexcept;
    bool end_is_certain() const noexcept { return end_is_certain_; }
    // Of one that has ended: the process lives on as another program.
    bool has_called_exec() const noexcept { return called_exec_; }
    int pidfd() const noexcept { return pidfd_; }
    // Of an ended process: whether what was drained since is less than its segment can hold.
    bool may_hold_more() const noexcept {
        return drained_after_end_ <= std::uint64_t{shm::lane_count} * slots_per_lane_ + estate_count_;
    }
    void note_drained_after_end(std::uint64_t slots) noexcept { drained_after_end_ += slots; }

    TableHeader& table_header() noexcept { return *table_segment_.at<TableHeader>(0); }
    const TableHeader& table_header() const noexcept { return *table_segment_.at<TableHeader>(0); }
    UsageCell* usage_cells() const noexcept { return table_segment_.at<UsageCell>(usage_offset); }
    Table& table() noexcept { return table_; }
    const shm::Segment& segment() const noexcept { return segment_; }
    std::byte* table_base() const noexcept { return table_segment_.data(); }
    bool is_quarantined() const noexcept {
        return table_header().state == static_cast<std::uint32_t>(TableState::quarantined);
    }
    // There is no room for its table to grow, so that its events wait. Not part of a batch: true of this moment only.
    bool is_starved() const noexcept { return (table_header().flags & shm::process_starved) != 0; }
    void set_starved(bool starved) noexcept {
        const auto flag = std::uint32_t{shm::process_starved};
        table_header().flags = starved ? table_header().flags | flag : table_header().flags & ~flag;
    }

    // Usage cell of (device slot, type), or null.
    UsageCell* find_usage(std::uint32_t device_slot, std::uint32_t type) noexcept;
    // Within a batch: saved before it is changed, all but its classes. Null if it is a new one and there is no storage.
    UsageCell* change_usage(std::uint32_t device_slot, std::uint32_t type, std::uint32_t device) noexcept;
    // Within a batch, for a cell that is changed.
    void save_class(const UsageCell& cell, std::uint32_t size_class) noexcept {
        save_table_bytes(&cell.live_by_class[size_class], sizeof cell.live_by_class[0]);
    }
    // Storage for the usage cells there are. False if there is none.
    bool reserve_usage() noexcept { return reserve_usage(std::max(table_header().usage_cells, initial_usage_cells)); }
    // Opens a batch: saves the header's counters.
    void save_header() noexcept;
    void index_usage(const class Ledger& ledger);

    // Puts saved bytes back, into `ledger` or, if that is null, into this table's file, areas included.
    void restore(std::byte* ledger, std::uint64_t offset, const std::byte* bytes, std::uint32_t count) noexcept;

    // Unlinks both segments: the process's first, so that a fold is never followed by a second attach.
    void remove_segments() noexcept;

private:
    using Identity = std::array<std::uint64_t, offsetof(shm::ProcessHeader, tickets) / sizeof(std::uint64_t)>;

    bool reserve_usage(std::uint32_t cells) noexcept;
    void save_table_bytes(const void* place, std::uint32_t bytes) noexcept {
        const auto offset = static_cast<const std::byte*>(place) - table_base();
        log_.save(LogTarget::table, static_cast<std::uint64_t>(offset), place, bytes);
    }
    bool accept_tickets(std::uint64_t tickets) noexcept;
    void take_positions(Batch& batch) const noexcept;
    bool look_at_lanes(Batch& batch) noexcept;
    void flush_lines(std::uint32_t lane, std::uint64_t begin, std::uint64_t end) const noexcept;
    void map_estate() noexcept;
    void open_pidfd() noexcept;
    std::int32_t owner_pid() const noexcept;
    shm::Maps owner_maps_segment() const noexcept;

    const shm::ProcessHeader& header() const noexcept { return *segment_.at<const shm::ProcessHeader>(0); }
    shm::LaneHeader* lane(std::uint32_t index) const noexcept {
        return segment_.at<shm::LaneHeader>(shm::lanes_offset) + index;
    }

    shm::Segment segment_;
    shm::Segment table_segment_;
    UndoLog& log_;
    Table table_;
    std::uint32_t slots_per_lane_;
    int pidfd_ = -1;
    bool end_is_certain_ = true;
    bool called_exec_ = false;
    std::uint64_t drained_after_end_ = 0;
    std::uint64_t seen_tickets_ = 0;
    bool has_read_ = false;  // began a pass
    bool lied_ = false;      // what its segment says cannot be true
    Identity identity_{};  // the segment's first line, which nobody changes
    std::uint64_t applied_below_ = 0;
    std::uint64_t published_below_ = 0;
    LaneMerge merge_;
    shm::bip::mapped_region estate_;
    std::uint64_t estate_count_ = 0;

    std::uint32_t reserved_usage_cells_ = 0;
    std::vector<std::uint16_t> usage_index_;  // by device slot and type: 1 + index of the usage cell
    std::vector<std::uint64_t> usage_saved_;  // batch in which each usage cell was last saved
};

}  // namespace trackshm::aggregator
