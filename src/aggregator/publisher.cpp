// SPDX-License-Identifier: Apache-2.0
#include "aggregator/publisher.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "aggregator/advice.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/record_lock.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

// --- the segment ----------------------------------------------------------------------------------------------------

Publisher::OpenResult Publisher::open(const std::string& name_space, std::uint32_t uid, unsigned mode,
                                      std::string& error) {
    const std::string name = stats_segment_name(name_space, uid);
    // Another aggregator may come or go between two of these steps; then they are taken again.
    for (int attempt = 0; attempt < 10; ++attempt) {
        OpenResult result = OpenResult::failed;
        if (try_open(name, uid, result, error)) {
            if (result == OpenResult::ok) fchmod(segment_.fd(), mode);
            return result;
        }
        if (try_create(name, name_space, uid, mode, error)) return OpenResult::ok;
    }
    return OpenResult::failed;
}

namespace {

// Removes what is no file, or a file too small to be a stats segment. Not by its name alone: since it was looked at, another
// aggregator may have put its segment there.
void remove_unsuitable(const std::string& name) {
    struct stat info {};
    if (lstat(path_of(name).c_str(), &info) != 0) return;
    const bool suitable = S_ISREG(info.st_mode) && info.st_nlink == 1 &&
                          info.st_size >= static_cast<off_t>(sizeof(StatsHeader));
    if (!suitable && leads_to(name, info.st_dev, info.st_ino)) remove_file(name);
}

}  // namespace

// One that nobody can be served by; another takes its place. Always false, for try_open.
bool Publisher::discard() noexcept {
    segment_.unlink();
    segment_.close();
    return false;
}

// True with a result, false if there is no segment that can be used.
bool Publisher::try_open(const std::string& name, std::uint32_t uid, OpenResult& result, std::string& error) {
    const SegmentStatus status = segment_.open(name, bip::read_write, sizeof(StatsHeader), stats_segment_bytes);
    if (status == SegmentStatus::absent) return false;
    if (status == SegmentStatus::unsuitable) {
        remove_unsuitable(name);
        return false;
    }
    if (status != SegmentStatus::ok) {
        error = "cannot open " + path_of(name) + ": " + reason_and_remedy(errno);
        return true;
    }
    if (segment_.owner_uid() != geteuid()) return discard();
    SegmentStatus locked = segment_.lock(aggregator_byte);
    if (locked == SegmentStatus::permission_denied) {
        if (lock_holder(segment_.fd(), aggregator_byte)) {
            error = std::to_string(header()->aggregator_pid.load(std::memory_order_relaxed));
            result = OpenResult::served_by_another;
            return true;
        }
        // Whoever may read the file can keep it from being locked: then readers get one without such a lock. Tried once
        // more, since another aggregator may have gone between the two looks.
        locked = segment_.lock(aggregator_byte);
    }
    if (locked == SegmentStatus::no_space || locked == SegmentStatus::failed) {
        error = "cannot lock " + path_of(name) + ": " + reason_and_remedy(errno);
        return true;
    }
    if (locked != SegmentStatus::ok) return discard();
    struct stat info {};
    const bool still_named = fstat(segment_.fd(), &info) == 0 && info.st_nlink == 1;
    if (!still_named) return false;
    const bool usable = header()->magic.load(std::memory_order_acquire) == stats_magic &&
                        header()->layout == layout_version && segment_.bytes() >= stats_segment_bytes &&
                        header()->boot_id == boot_id() && header()->uid == uid;
    if (!usable) return discard();
    if (reserve_details()) {
        result = OpenResult::ok;
    } else {
        error = "cannot open " + path_of(name) + ": " + reason_and_remedy(errno);
    }
    return true;
}

bool Publisher::try_create(const std::string& name, const std::string& name_space, std::uint32_t uid, unsigned mode,
                           std::string& error) {
    const std::string temporary = temporary_segment_name(name_space, getpid(), random_nonce());
    const std::uint64_t reserved = first_block_offset + block_bytes + usage_rows_offset;
    if (segment_.create(temporary, stats_segment_bytes, first_block_offset + usage_rows_offset, mode) !=
            SegmentStatus::ok ||
        segment_.reserve(first_block_offset + block_bytes, reserved - first_block_offset - block_bytes) !=
            SegmentStatus::ok ||
        !reserve_details()) {
        error = "cannot create the stats segment in /dev/shm: " + reason_and_remedy(errno);
        segment_.unlink();
        return false;
    }
    fchmod(segment_.fd(), mode);
    StatsHeader* h = header();
    h->layout = layout_version;
    h->uid = uid;
    h->segment_bytes = stats_segment_bytes;
    h->block_bytes = block_bytes;
    h->boot_id = boot_id();
    std::strncpy(h->name_space, name_space.c_str(), sizeof h->name_space - 1);
    h->magic.store(stats_magic, std::memory_order_release);
    if (segment_.lock(aggregator_byte) != SegmentStatus::ok || segment_.publish_as(name) != SegmentStatus::ok) {
        error = "cannot name the stats segment: " + reason_and_remedy(errno);
        segment_.unlink();
        segment_.close();
        return false;
    }
    created_ = true;
    return true;
}

// Of the details, what is written whatever happens.
bool Publisher::reserve_details() noexcept {
    for (std::uint64_t block = 0; block < 2; ++block) {
        const std::uint64_t offset = first_details_offset + block * details_block_bytes;
        if (segment_.reserve(offset, sizeof(DetailsHeader)) != SegmentStatus::ok) return false;
    }
    return segment_.reserve(history_headers_offset, max_devices * sizeof(HistoryHeader)) == SegmentStatus::ok;
}

void Publisher::withdraw() noexcept {
    if (created_) segment_.unlink();
}

void Publisher::announce(std::uint64_t start_count) noexcept {
    header()->aggregator_pid.store(getpid(), std::memory_order_relaxed);
    header()->start_count.store(start_count, std::memory_order_relaxed);
}

void Publisher::beat(std::uint64_t now_monotonic_ns) noexcept {
    header()->heartbeat_monotonic_ns.store(now_monotonic_ns, std::memory_order_release);
}

// --- a publication --------------------------------------------------------------------------------------------------

void Publisher::publish(const Ledger& ledger, const History& history,
                        const std::vector<std::unique_ptr<TrackedProcess>>& processes, std::uint64_t waiting) {
    Publication publication(header()->generation, header()->writing);
    block_ = BlockHeader{};
    block_.exact = waiting == 0 ? 1 : 0;
    block_.waiting_processes = waiting;
    block_.events = ledger.header().ended;
    block_.exited_totals = ledger.header().exited;
    block_.quarantined_processes = ledger.header().quarantined_processes;
    rows_.clear();
    usage_.clear();
    for (const auto& process : processes) collect_process(*process);
    collect_devices(ledger, history);
    collect_exited(ledger);

    block_.usage_rows_omitted = usage_section_.make_room(usage_);
    block_.publish_seq = header()->generation.load(std::memory_order_relaxed) + 1;
    block_.publish_monotonic_ns = monotonic_ns();
    block_.devices = static_cast<std::uint32_t>(devices_.size());
    block_.types = static_cast<std::uint32_t>(types_.size());
    block_.processes = static_cast<std::uint32_t>(rows_.size());
    block_.exited = static_cast<std::uint32_t>(exited_.size());
    block_.usage_rows = usage_.size();

    const std::size_t block = publication.begin();
    store_words(segment_.at<Word>(first_block_offset + block * block_bytes), &block_, sizeof block_);
    store_rows(block, device_rows_offset, devices_);
    store_rows(block, type_rows_offset, types_);
    store_rows(block, process_rows_offset, rows_);
    store_rows(block, exited_rows_offset, exited_);
    usage_section_.store(block, usage_);
    publication.end();
}

template <class Row>
void Publisher::store_rows(std::size_t block, std::uint64_t offset, const std::vector<Row>& rows) noexcept {
    store_words(segment_.at<Word>(first_block_offset + block * block_bytes + offset), rows.data(),
                rows.size() * sizeof(Row));
}

void Publisher::collect_devices(const Ledger& ledger, const History& history) {
    devices_.clear();
    types_.clear();
    for (const std::uint32_t slot : ledger.slots_by_device()) {
        const DeviceAccount& account = ledger.device(slot);
        const History::RecentPeaks recent = history.recent_peaks(ledger, slot);
        DeviceRow row{account.device, account.peak_exact, account.peak_bytes, recent.of_15s, recent.of_60s, {}};
        std::memcpy(row.name, account.name, sizeof row.name);
        devices_.push_back(row);
        for (std::uint32_t type = 0; type < type_count; ++type) {
            const MemoryAccount& memory = ledger.memory(slot, type);
            if (memory.seen == 0) continue;
            types_.push_back({account.device, type, memory.live_bytes, memory.gauge_bytes, memory.peak_bytes,
                              memory.capacity_bytes, memory.allocations, memory.allocated_bytes, memory.deallocations,
                              memory.deallocated_bytes, memory.allocation_failures});
        }
    }
}

void Publisher::collect_process(TrackedProcess& process) {
    const TableHeader& table = process.table_header();
    const ReportedCounters counters = process.counters();
    const std::uint64_t accounted = table.applied + table.coalesced + counters.dropped;

    ProcessRow row{};
    row.pid = table.pid;
    row.own_pid = table.own_pid;
    row.uid = table.uid;
    row.flags = table.flags;
    if (counters.dropped != 0 || process.is_quarantined()) row.flags &= ~std::uint32_t{process_exact};
    if (process.is_quarantined()) row.flags |= process_quarantined;
    if (process.is_starved()) row.flags &= ~std::uint32_t{process_exact};
    std::memcpy(row.comm, table.comm, sizeof row.comm);
    row.live_bytes = table.live_bytes;
    row.live_buffers = table.live_buffers;
    row.peak_bytes = table.peak_bytes;
    row.usage_rows = table.usage_cells;
    // The process counts while we read: pending is what is left, so the equation holds in every snapshot.
    row.events.pending = counters.reported > accounted ? counters.reported - accounted : 0;
    row.events.reported = accounted + row.events.pending;
    row.events.applied = table.applied;
    row.events.coalesced = table.coalesced;
    row.events.dropped = counters.dropped;
    row.events.unknown_frees = table.unknown_frees;
    row.events.ambiguous_frees = table.ambiguous_frees;
    row.events.implicit_frees = table.implicit_frees;
    row.events.rejected = table.rejected + counters.rejected;

    if ((row.flags & process_exact) == 0) block_.exact = 0;
    const auto add = [&](std::uint64_t EventCounters::*counter) { block_.events.*counter += row.events.*counter; };
    for (const auto counter :
         {&EventCounters::reported, &EventCounters::applied, &EventCounters::pending, &EventCounters::coalesced,
          &EventCounters::dropped, &EventCounters::unknown_frees, &EventCounters::ambiguous_frees,
          &EventCounters::implicit_frees, &EventCounters::rejected}) {
        add(counter);
    }

    const std::size_t first = usage_.size();
    for (std::uint32_t i = 0; i < table.usage_cells; ++i) {
        const UsageCell& cell = process.usage_cells()[i];
        usage_.push_back({cell.device, cell.type, cell.live_bytes(), cell.buffers, cell.peak_bytes});
    }
    std::sort(usage_.begin() + static_cast<std::ptrdiff_t>(first), usage_.end(), [](const UsageRow& a, const UsageRow& b) {
        return std::pair(a.device, a.type) < std::pair(b.device, b.type);
    });
    rows_.push_back(row);
}

void Publisher::collect_exited(const Ledger& ledger) {
    exited_.clear();
    const std::uint64_t count = ledger.header().exited.processes;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, max_exited); ++i) {
        exited_.push_back(ledger.exited(count - 1 - i));
    }
}

}  // namespace trackshm::aggregator
