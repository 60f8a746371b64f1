// SPDX-License-Identifier: Apache-2.0
#include "shmdump/segments.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/glyphs.hpp"
#include "common/text.hpp"
#include "common/units.hpp"
#include "common/users.hpp"

namespace trackshm::tools {

std::string segments_text(const Inventory& inventory) {
    std::string text = fmt::format("{:<9} {:<14} {:<8} {:>7} {:<15} {:>9} {:>9} {}\n", "KIND", "STATE", "USER", "PID",
                                   "COMM", "SIZE", "STORAGE", "NAME");
    for (const SegmentInfo& segment : inventory.segments()) {
        const std::string note = segment.note.empty() ? "" : fmt::format("  ({})", segment.note);
        text += fmt::format("{:<9} {:<14} {} {:>7} {} {:>9} {:>9} {}{}\n", kind_text(segment.name.kind),
                            state_text(segment.state), fit_left(user_name(segment.uid), 8),
                            segment.pid > 0 ? std::to_string(segment.pid) : "-", fit_left(segment.comm, 15),
                            format_bytes(segment.size_bytes), format_bytes(segment.storage_bytes), segment.file, note);
    }
    return text;
}

std::string segments_json(const Inventory& inventory) {
    using Json = nlohmann::ordered_json;
    Json array = Json::array();
    for (const SegmentInfo& segment : inventory.segments()) {
        array.push_back({{"name", segment.file},
                         {"kind", kind_text(segment.name.kind)},
                         {"state", state_text(segment.state)},
                         {"uid", segment.uid},
                         {"user", user_name(segment.uid)},
                         {"pid", segment.pid > 0 ? Json(segment.pid) : Json(nullptr)},
                         {"comm", printable_in_json(segment.comm)},
                         {"size_bytes", segment.size_bytes},
                         {"storage_bytes", segment.storage_bytes},
                         {"note", segment.note}});
    }
    return array.dump() + "\n";
}

}  // namespace trackshm::tools
