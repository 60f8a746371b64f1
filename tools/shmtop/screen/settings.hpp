// SPDX-License-Identifier: Apache-2.0
//
// What a user may want to find again next time, and its form in a file: "key = value" lines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/units.hpp"
#include "shmtop/screen/views.hpp"

namespace trackshm::tools {

// The graph below the devices: none, or how long one of its columns is.
enum class GraphStep { off, second, ten_seconds, minute };

struct ViewSettings {
    std::size_t sort = 0;     // index of the view's sort keys
    bool inverted = false;
    std::size_t columns = 0;  // index of its column sets

    bool operator==(const ViewSettings&) const = default;
};

struct Settings {
    std::uint64_t refresh_ms = 1000;
    ByteUnit unit = ByteUnit::automatic;
    unsigned warning_percent = 75;   // used part of a memory from which it is shown in that tone
    unsigned critical_percent = 90;
    GraphStep graph = GraphStep::second;
    bool tree = false;
    ViewId view = ViewId::devices;   // at the start
    std::array<ViewSettings, view_count> views;

    ViewSettings& of(ViewId id) noexcept { return views[index_of(id)]; }
    const ViewSettings& of(ViewId id) const noexcept { return views[index_of(id)]; }

    bool operator==(const Settings&) const = default;
};

inline constexpr std::uint64_t min_refresh_ms = 10;
inline constexpr std::uint64_t max_refresh_ms = 86'400'000;

// The names of units and graph steps, here and in the options menu.
std::string_view unit_name(ByteUnit unit) noexcept;
std::string_view graph_name(GraphStep step) noexcept;
ByteUnit next_unit(ByteUnit unit, std::ptrdiff_t step) noexcept;
GraphStep next_graph(GraphStep graph, std::ptrdiff_t step) noexcept;
// Faster or slower by one notch of 1, 2, 5, 10, 20, ..
std::uint64_t next_refresh_ms(std::uint64_t refresh_ms, bool slower) noexcept;

std::string settings_text(const Settings& settings);

// Nothing, with `problem` set to one line, if the text is no such file.
std::optional<Settings> parse_settings(std::string_view text, std::string& problem);

}  // namespace trackshm::tools
