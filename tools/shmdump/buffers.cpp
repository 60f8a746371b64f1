// SPDX-License-Identifier: Apache-2.0
#include "shmdump/buffers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include <trackshm/stats.hpp>

#include "common/text.hpp"
#include "common/units.hpp"

namespace trackshm::tools {

BufferListing list_buffers(const Inventory& inventory, const NumberList& pids) {
    BufferListing listing;
    for (const SegmentInfo& segment : inventory.segments()) {
        // A table means something beside its aggregator's ledger only; anybody may create a file of that name.
        if (!segment.is(shm::SegmentKind::table)) continue;
        if (inventory.find(shm::SegmentKind::ledger, segment.uid) == nullptr) continue;
        if (segment.state == SegmentState::unreadable) ++listing.unreadable;
        if (segment.state == SegmentState::foreign_layout) ++listing.foreign_layout;
        TableScan scan = scan_table(segment.file);
        const bool is_wanted = pids.passes(static_cast<std::uint32_t>(scan.pid));
        if (scan.readable && is_wanted) listing.tables.push_back(std::move(scan));
    }
    std::stable_sort(listing.tables.begin(), listing.tables.end(),
                     [](const auto& a, const auto& b) { return a.pid < b.pid; });
    return listing;
}

std::string buffers_text(const BufferListing& listing) {
    std::string text = fmt::format("{:>7} {:<15} {:>6} {:<15} {:>18} {:>15} {:>6}\n", "PID", "COMM", "DEVICE", "TYPE",
                                   "ID", "SIZE", "AGE");
    for (const TableScan& table : listing.tables) {
        const std::string comm = fit_left(printable(table.comm), 15);
        for (const LiveBuffer& buffer : table.buffers) {
            fmt::format_to(std::back_inserter(text), "{:>7} {} {:>6} {:<15} {:>#18x} {:>15} {:>6}\n", table.pid, comm,
                           buffer.device, stats::type_name(buffer.type), buffer.id, buffer.size_bytes,
                           format_duration(buffer.age_ns));
        }
    }
    return text;
}

std::string buffers_json(const BufferListing& listing) {
    using Json = nlohmann::ordered_json;
    Json array = Json::array();
    for (const TableScan& table : listing.tables) {
        const std::string comm = printable(table.comm);
        for (const LiveBuffer& buffer : table.buffers) {
            array.push_back({{"pid", table.pid},
                             {"comm", comm},
                             {"device", buffer.device},
                             {"type", stats::type_name(buffer.type)},
                             {"id", fmt::format("{:#x}", buffer.id)},
                             {"size_bytes", buffer.size_bytes},
                             {"age_ns", buffer.age_ns},
                             {"sequence", buffer.sequence},
                             {"uid", table.uid}});
        }
    }
    return array.dump() + "\n";
}

}  // namespace trackshm::tools
