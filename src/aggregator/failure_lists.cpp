// SPDX-License-Identifier: Apache-2.0
#include "aggregator/failure_lists.hpp"

#include <algorithm>
#include <cstring>

#include "shm/os.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

// 8 MiB of table take about a millisecond: more is done in parts, each of which takes a quarter of one.
constexpr std::uint64_t cells_at_once = 256 * 1024;
constexpr std::uint64_t cells_per_part = 64 * 1024;
constexpr std::uint64_t second_ns = 1'000'000'000;
// Looks take no more than one part in so many of the time.
constexpr std::uint64_t share_of_time = 20;

bool holds_buffers(TrackedProcess& process, std::uint32_t slot) noexcept {
    for (std::uint32_t type = 0; type < type_count; ++type) {
        const UsageCell* const usage = process.find_usage(slot, type);
        if (usage != nullptr && usage->buffers != 0) return true;
    }
    return false;
}

}  // namespace

void FailureLists::take_over() noexcept {
    for (std::uint32_t slot = 0; slot < ledger_.header().devices; ++slot) {
        const DeviceAnnex* const annex = ledger_.annex(slot);
        if (annex == nullptr || annex->failure.last.count == 0) continue;
        if (annex->failure.last.list_unix_ns + second_ns < annex->failure.last.unix_ns) want(slot);
    }
}

bool FailureLists::work(const Processes& processes, std::uint64_t now_ns) {
    if (!is_looking()) {
        if (!any_wanted_ || now_ns < next_ns_) return false;
        const auto wanted = std::find_if(devices_.begin(), devices_.end(), [](const Device& d) { return d.wanted; });
        any_wanted_ = wanted != devices_.end();
        if (!any_wanted_) return false;
        begin(static_cast<std::uint32_t>(wanted - devices_.begin()), processes);
    }
    look(processes, in_parts_ ? cells_per_part : ~std::uint64_t{0});
    if (!subjects_.empty()) return false;
    finish(monotonic_ns());
    return true;
}

void FailureLists::begin(std::uint32_t slot, const Processes& processes) {
    slot_ = slot;
    subjects_.clear();
    largest_.clear();
    begin_ns_ = monotonic_ns();
    begin_unix_ns_ = unix_ns();
    std::uint64_t cells = 0;
    for (const auto& process : processes) {
        if (!holds_buffers(*process, slot)) continue;
        const TableHeader& table = process->table_header();
        subjects_.push_back({table.own_pid, table.nonce, {}});
        cells += process->table().cells();
    }
    in_parts_ = cells > cells_at_once;
}

// From the last subject to the first.
void FailureLists::look(const Processes& processes, std::uint64_t cells) {
    while (cells != 0 && !subjects_.empty()) {
        Subject& subject = subjects_.back();
        const auto process = std::find_if(processes.begin(), processes.end(), [&](const auto& candidate) {
            return candidate->table_header().nonce == subject.nonce &&
                   candidate->table_header().own_pid == subject.own_pid;
        });
        if (process == processes.end()) {
            subjects_.pop_back();
            continue;
        }
        const TableHeader& table = (*process)->table_header();
        cells -= std::min(cells, (*process)->table().scan(subject.cursor, cells, [&](const Cell& cell) {
            consider(table, cell);
        }));
        if (subject.cursor.at_end) subjects_.pop_back();
    }
}

void FailureLists::consider(const TableHeader& table, const Cell& cell) {
    if (cell.device != ledger_.device(slot_).device) return;
    const bool is_full = largest_.size() == stats::max_large_buffers;
    if (is_full && cell.size() <= largest_.back().size_bytes) return;
    const std::uint64_t now_seconds = begin_ns_ / second_ns;
    const std::uint64_t age_seconds = now_seconds > cell.born_seconds ? now_seconds - cell.born_seconds : 0;
    BufferRow row{cell.id, cell.size(), cell.type(), table.pid, age_seconds * second_ns, {}};
    std::memcpy(row.comm, table.comm, sizeof row.comm);
    const auto place = std::find_if(largest_.begin(), largest_.end(),
                                    [&](const BufferRow& known) { return known.size_bytes < row.size_bytes; });
    largest_.insert(place, row);
    if (largest_.size() > stats::max_large_buffers) largest_.pop_back();
}

void FailureLists::finish(std::uint64_t now_ns) noexcept {
    Device& device = devices_[slot_];
    device.wanted = false;
    device.next_ns = begin_ns_ + second_ns;
    const std::uint64_t took_ns = now_ns - begin_ns_;
    next_ns_ = now_ns + took_ns * (share_of_time - 1);
    if (DeviceAnnex* const annex = ledger_.annex(slot_)) {
        FailureAccount& failure = annex->failure;
        ledger_.log().begin(0, 0);
        ledger_.save(failure);
        failure.last.list_unix_ns = begin_unix_ns_;
        failure.last.list_gathering_ns = in_parts_ ? took_ns : 0;
        failure.buffers = largest_.size();
        std::copy(largest_.begin(), largest_.end(), failure.largest);
        ledger_.log().commit();
    }
    slot_ = Ledger::none;
}

}  // namespace trackshm::aggregator
