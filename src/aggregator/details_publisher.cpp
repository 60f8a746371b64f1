// SPDX-License-Identifier: Apache-2.0
#include "aggregator/details_publisher.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "aggregator/accounting.hpp"
#include "shm/os.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

constexpr RowPlace place(std::uint64_t section_offset, std::uint64_t max_rows) noexcept {
    return {first_details_offset, details_block_bytes, section_offset, max_rows};
}

}  // namespace

DetailsPublisher::DetailsPublisher(Segment& stats) noexcept
    : stats_(stats),
      device_section_(stats, place(details_rows_offset, max_devices)),
      holder_section_(stats, place(holder_rows_offset, max_holder_rows)),
      buffer_section_(stats, place(buffer_rows_offset, max_buffer_rows)),
      class_section_(stats, place(class_rows_offset, max_class_rows)) {}

void DetailsPublisher::publish(const Ledger& ledger, const std::vector<std::unique_ptr<TrackedProcess>>& processes) {
    devices_.clear();
    holders_.clear();
    buffers_.clear();
    classes_.clear();
    const std::size_t slots = ledger.header().devices;
    holders_by_slot_.assign(slots, {});
    live_by_memory_.assign(slots * type_count, {});
    for (const auto& process : processes) collect_process(ledger, *process);
    for (const std::uint32_t slot : ledger.slots_by_device()) collect_device(ledger, slot);
    store();
}

void DetailsPublisher::collect_process(const Ledger& ledger, TrackedProcess& process) {
    const TableHeader& table = process.table_header();
    for (std::uint32_t i = 0; i < table.usage_cells; ++i) {
        const UsageCell& cell = process.usage_cells()[i];
        const std::uint32_t slot = ledger.slot_of(static_cast<std::uint16_t>(cell.device));
        if (slot >= holders_by_slot_.size() || cell.type >= type_count) continue;  // whatever the table says
        if (const std::uint64_t share = share_of_peak(cell, ledger.device(slot)); share != 0) {
            HolderRow holder{table.pid, static_cast<std::uint16_t>(cell.type), 0, share, {}};
            std::memcpy(holder.comm, table.comm, sizeof holder.comm);
            holders_by_slot_[slot].push_back(holder);
        }
        if (cell.buffers == 0) continue;
        LiveClasses& live = live_by_memory_[slot * type_count + cell.type];
        for (std::uint32_t c = 0; c < size_class_count; ++c) live[c] += cell.live_by_class[c];
    }
}

void DetailsPublisher::collect_device(const Ledger& ledger, std::uint32_t slot) {
    const DeviceAccount& account = ledger.device(slot);
    DetailsRow row{};
    row.device = account.device;
    row.peak_exact = account.peak_exact;
    row.peak_unix_ns = account.peak_unix_ns;
    row.peak_bytes = account.peak_bytes;
    collect_peak(ledger, slot, row);
    if (const DeviceAnnex* const annex = ledger.annex(slot)) {
        collect_failure(*annex, row);
        collect_classes(ledger, *annex, slot);
    }
    devices_.push_back(row);
}

// The rest is what the others do not explain: small shares, those of processes that are known by name no more, and of
// such as wait to be attached again.
void DetailsPublisher::collect_peak(const Ledger& ledger, std::uint32_t slot, DetailsRow& row) {
    std::vector<HolderRow>& holders = holders_by_slot_[slot];
    const DeviceAnnex* const annex = ledger.annex(slot);
    if (annex != nullptr && annex->ended.epoch == ledger.device(slot).peak_epoch) {
        const std::uint64_t count = std::min<std::uint64_t>(annex->ended.count, stats::max_peak_holders);
        holders.insert(holders.end(), annex->ended.holders, annex->ended.holders + count);
    }
    std::sort(holders.begin(), holders.end(), [](const auto& a, const auto& b) {
        return std::tuple(b.bytes, a.pid, a.type) < std::tuple(a.bytes, b.pid, b.type);
    });
    if (holders.size() > stats::max_peak_holders) holders.resize(stats::max_peak_holders);
    std::uint64_t known_bytes = 0;
    for (const HolderRow& holder : holders) known_bytes += holder.bytes;
    row.holders = static_cast<std::uint32_t>(holders.size());
    row.rest_bytes = row.peak_bytes - std::min(row.peak_bytes, known_bytes);
    holders_.insert(holders_.end(), holders.begin(), holders.end());
}

void DetailsPublisher::collect_failure(const DeviceAnnex& annex, DetailsRow& row) {
    row.failure = annex.failure.last;
    const std::uint64_t count = std::min<std::uint64_t>(annex.failure.buffers, stats::max_large_buffers);
    row.buffers = static_cast<std::uint32_t>(count);
    buffers_.insert(buffers_.end(), annex.failure.largest, annex.failure.largest + count);
}

void DetailsPublisher::collect_classes(const Ledger& ledger, const DeviceAnnex& annex, std::uint32_t slot) {
    for (std::uint32_t type = 0; type < type_count; ++type) {
        if (ledger.memory(slot, type).seen == 0) continue;
        const LiveClasses& live = live_by_memory_[slot * type_count + type];
        for (std::uint32_t c = 0; c < size_class_count; ++c) {
            const std::uint64_t allocated = annex.classes[type].allocated[c];
            if (allocated == 0 && live[c] == 0) continue;
            classes_.push_back({ledger.device(slot).device, static_cast<std::uint16_t>(type),
                                static_cast<std::uint16_t>(c), allocated, live[c]});
        }
    }
}

void DetailsPublisher::store() {
    header_ = DetailsHeader{};
    header_.rows_omitted = device_section_.make_room(devices_) + holder_section_.make_room(holders_) +
                           buffer_section_.make_room(buffers_) + class_section_.make_room(classes_);
    auto* const stats = stats_.at<StatsHeader>(0);
    Publication publication(stats->details_generation, stats->details_writing);
    header_.publish_seq = stats->details_generation.load(std::memory_order_relaxed) + 1;
    header_.publish_monotonic_ns = monotonic_ns();
    header_.devices = static_cast<std::uint32_t>(devices_.size());
    header_.holders = static_cast<std::uint32_t>(holders_.size());
    header_.buffers = static_cast<std::uint32_t>(buffers_.size());
    header_.classes = static_cast<std::uint32_t>(classes_.size());

    const std::size_t block = publication.begin();
    store_words(stats_.at<Word>(first_details_offset + block * details_block_bytes), &header_, sizeof header_);
    device_section_.store(block, devices_);
    holder_section_.store(block, holders_);
    buffer_section_.store(block, buffers_);
    class_section_.store(block, classes_);
    publication.end();
}

}  // namespace trackshm::aggregator
