// SPDX-License-Identifier: Apache-2.0
#include "aggregator/state_check.hpp"

#include <bitset>

namespace trackshm::aggregator {
namespace {

using DeviceSet = std::bitset<shm::max_device_id + 1>;

bool add_new(DeviceSet& devices, std::uint64_t device) noexcept {
    if (device > shm::max_device_id || devices.test(device)) return false;
    devices.set(device);
    return true;
}

bool is_sound_area(const AreaDescriptor& area, std::uint64_t file_bytes) noexcept {
    constexpr std::uint64_t most_cells = std::uint64_t{1} << 40;  // far more than memory; keeps the sums from wrapping
    if (area.homes == 0 || area.homes > most_cells || area.slack > most_cells) return false;
    const std::uint64_t bytes = (area.homes + area.slack) * sizeof(Cell);
    return area.file_offset >= first_area_offset && area.file_offset % shm::page_bytes == 0 &&
           area.file_offset <= file_bytes && bytes <= file_bytes - area.file_offset;
}

bool are_sound_areas(const TableHeader& table, std::uint64_t file_bytes) noexcept {
    if (table.current > 1 || table.growing > 1) return false;
    const AreaDescriptor& current = table.areas[table.current];
    if (!is_sound_area(current, file_bytes)) return false;
    const std::uint64_t cells = current.homes + current.slack;
    if (table.growing == 0) return table.taken <= cells;
    const AreaDescriptor& next = table.areas[1 - table.current];
    return is_sound_area(next, file_bytes) && table.frontier <= cells && table.taken <= cells + next.homes + next.slack;
}

bool is_sound_usage(const shm::Segment& segment, const Ledger& ledger) noexcept {
    const auto& table = *segment.at<const TableHeader>(0);
    if (table.usage_cells > max_usage_cells) return false;
    std::bitset<max_usage_cells> seen;
    std::uint64_t buffers = 0;
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < table.usage_cells; ++i) {
        const UsageCell& cell = segment.at<const UsageCell>(usage_offset)[i];
        if (cell.device > shm::max_device_id || cell.type >= shm::type_count) return false;
        const std::uint32_t slot = ledger.slot_of(static_cast<std::uint16_t>(cell.device));
        if (slot == Ledger::none || seen.test(slot * shm::type_count + cell.type)) return false;
        seen.set(slot * shm::type_count + cell.type);
        buffers += cell.buffers;
        bytes += cell.live_bytes();
    }
    return buffers == table.live_buffers && bytes == table.live_bytes;
}

}  // namespace

bool is_sound_ledger(const shm::Segment& ledger) noexcept {
    const auto& header = *ledger.at<const LedgerHeader>(0);
    if (header.devices > shm::max_devices) return false;
    DeviceSet devices;
    for (std::uint64_t slot = 0; slot < header.devices; ++slot) {
        if (!add_new(devices, ledger.at<const DeviceAccount>(accounts_offset)[slot].device)) return false;
    }
    return true;
}

bool is_sound_table(const shm::Segment& table, const Ledger& ledger) noexcept {
    const auto& header = *table.at<const TableHeader>(0);
    const bool known_state = header.state >= static_cast<std::uint32_t>(TableState::attached) &&
                             header.state <= static_cast<std::uint32_t>(TableState::quarantined);
    if (!known_state || header.closed_devices > shm::max_devices) return false;
    // Live entries are cells, and so are dead ones.
    return are_sound_areas(header, table.file_bytes()) && header.live_buffers <= header.taken &&
           is_sound_usage(table, ledger);
}

}  // namespace trackshm::aggregator
