// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/view_sizes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/units.hpp"

namespace trackshm::tools {
namespace {

struct Count {
    std::uint8_t type = 0;
    std::uint64_t le_bytes = 0;
    std::uint64_t live = 0;
    std::uint64_t allocated = 0;
};

// Of the devices and memories that are shown, added up over devices; by type and size.
std::vector<Count> counts_of(const ScreenInput& input) {
    std::map<std::pair<std::uint8_t, std::uint64_t>, Count> counts;
    for (const stats::Device& device : input.snapshot.devices) {
        const stats::DeviceDetails* details = input.extras.details.find(device.device);
        if (details == nullptr) continue;
        for (const stats::TypeDetails& type : details->types) {
            const bool is_shown = std::any_of(device.types.begin(), device.types.end(),
                                              [&](const auto& memory) { return memory.type == type.type; });
            if (!is_shown) continue;
            for (const stats::SizeClass& size : type.size_histogram) {
                Count& count = counts[{type.type, size.le_bytes}];
                count.type = type.type;
                count.le_bytes = size.le_bytes;
                count.live += size.live;
                count.allocated += size.allocated_total;
            }
        }
    }
    std::vector<Count> result;
    for (const auto& [key, count] : counts) result.push_back(count);
    return result;
}

std::vector<Count> sorted_counts(const ScreenInput& input, const ViewSettings& view) {
    std::vector<Count> counts = counts_of(input);
    const std::string_view key = traits_of(ViewId::sizes).sort_keys[view.sort];
    if (key == "live") {
        std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.live > b.live; });
    } else if (key == "allocated") {
        std::stable_sort(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.allocated > b.allocated; });
    }
    if (view.inverted) std::reverse(counts.begin(), counts.end());
    return counts;
}

// Counts differ by orders of magnitude: a bar twice as long means the square of the count.
double log_ratio(std::uint64_t count, std::uint64_t most) {
    return most == 0 ? 0 : std::log1p(static_cast<double>(count)) / std::log1p(static_cast<double>(most));
}

// The class of more than le_bytes / 2 and at most le_bytes.
std::string class_text(std::uint64_t le_bytes, ByteUnit unit) {
    if (le_bytes <= 1) return "up to 1 B";
    return fmt::format("up to {}", format_bytes(le_bytes, unit));
}

}  // namespace

ListModel sizes_list(const ScreenInput& input, const UiState& state) {
    const std::vector<Count> counts = sorted_counts(input, state.settings.of(ViewId::sizes));
    std::uint64_t most = 0;
    for (const Count& count : counts) most = std::max({most, count.live, count.allocated});

    ListModel model;
    model.columns = {{.title = "TYPE", .width = 6, .align = Align::left},
                     {.title = "SIZE", .width = bytes_width(state.settings.unit) + 6, .sort_key = "size"},
                     {.title = "LIVE", .width = 10, .sort_key = "live"},
                     {.title = "", .width = 10, .align = Align::left, .growth = 30},
                     {.title = "ALLOCATED", .width = 12, .sort_key = "allocated"},
                     {.title = "", .width = 10, .align = Align::left, .growth = 30}};
    for (const Count& count : counts) {
        ListRow row{fmt::format("{}/{}", count.type, count.le_bytes), {}, {}};
        row.cells = {{std::string{stats::type_name(count.type)}},
                     {class_text(count.le_bytes, state.settings.unit)},
                     {std::to_string(count.live)},
                     {Meter{log_ratio(count.live, most), std::nullopt}, Tone::good},
                     {std::to_string(count.allocated)},
                     {Meter{log_ratio(count.allocated, most), std::nullopt}, Tone::notice}};
        model.rows.push_back(std::move(row));
    }
    model.columns[0].width = width_of_cells(model, 0, 6, 15, state.charset);
    if (!counts.empty()) {
        model.notes.push_back("buffers by size: more than half of it and up to it; bars are logarithmic");
        if (!input.filter.pids.empty()) model.notes.push_back("of all processes: nobody keeps the sizes of one");
    }
    model.when_empty = input.when_empty("no sizes are known: nothing was allocated yet");
    return model;
}

}  // namespace trackshm::tools
