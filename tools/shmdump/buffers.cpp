// SPDX-License-Identifier: Apache-2.0
#include "shmdump/buffers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include <trackshm/stats.hpp>

#include "common/glyphs.hpp"
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

namespace {

// Writes what `append_row` makes of every buffer, piece by piece: as one text, ten million of them would take gigabytes.
template <class AppendRow>
OutputResult write_rows(const BufferListing& listing, const WriteText& write, std::string piece, AppendRow&& append_row) {
    constexpr std::size_t piece_bytes = 64 * 1024;
    for (const TableScan& table : listing.tables) {
        for (const LiveBuffer& buffer : table.buffers) {
            append_row(piece, table, buffer);
            if (piece.size() < piece_bytes) continue;
            if (const OutputResult result = write(piece); result != OutputResult::ok) return result;
            piece.clear();
        }
    }
    return write(piece);
}

}  // namespace

OutputResult write_buffers_text(const BufferListing& listing, const WriteText& write) {
    std::string header = fmt::format("{:>7} {:<15} {:>6} {:<15} {:>18} {:>15} {:>6}\n", "PID", "COMM", "DEVICE", "TYPE",
                                     "ID", "SIZE", "AGE");
    return write_rows(listing, write, std::move(header),
                      [](std::string& text, const TableScan& table, const LiveBuffer& buffer) {
        fmt::format_to(std::back_inserter(text), "{:>7} {} {:>6} {:<15} {:>#18x} {:>15} {:>6}\n", table.pid > 0 ? std::to_string(table.pid) : "-",
                       fit_left(table.comm, 15), buffer.device, stats::type_name(buffer.type), buffer.id,
                       buffer.size_bytes, format_duration(buffer.age_ns));
    });
}

OutputResult write_buffers_json(const BufferListing& listing, const WriteText& write) {
    using Json = nlohmann::ordered_json;
    const char* separator = "";
    const auto append_row = [&](std::string& text, const TableScan& table, const LiveBuffer& buffer) {
        const Json row = {{"pid", table.pid > 0 ? Json(table.pid) : Json(nullptr)},
                                            {"comm", printable_in_json(table.comm)},
                                            {"device", buffer.device},
                                            {"type", stats::type_name(buffer.type)},
                                            {"id", fmt::format("{:#x}", buffer.id)},
                                            {"size_bytes", buffer.size_bytes},
                                            {"age_ns", buffer.age_ns},
                                            {"sequence", buffer.sequence},
                                            {"uid", table.uid}};
        text += std::exchange(separator, ",") + row.dump();
    };
    const OutputResult result = write_rows(listing, write, "[", append_row);
    return result == OutputResult::ok ? write("]\n") : result;
}

}  // namespace trackshm::tools
