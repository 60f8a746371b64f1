// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/graph.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace trackshm::tools {
namespace {

// Levels of one character, from empty to full.
constexpr std::array<std::string_view, 9> unicode_levels = {
    " ",            "\xE2\x96\x81", "\xE2\x96\x82", "\xE2\x96\x83", "\xE2\x96\x84",
    "\xE2\x96\x85", "\xE2\x96\x86", "\xE2\x96\x87", "\xE2\x96\x88"};
constexpr std::array<std::string_view, 4> ascii_levels = {" ", ".", ":", "#"};

std::string_view level_text(std::size_t level, Charset charset) {
    return charset == Charset::ascii ? ascii_levels[level] : unicode_levels[level];
}

// How much of a column of `rows` characters is filled. What is there at all is to be seen.
std::size_t filled_levels(std::uint64_t value, std::uint64_t top, std::size_t levels) {
    if (value == 0 || top == 0) return 0;
    const double part = std::min(1.0, static_cast<double>(value) / static_cast<double>(top));
    return std::max<std::size_t>(1, static_cast<std::size_t>(part * static_cast<double>(levels) + 0.5));
}

void draw_column(Canvas& canvas, const Area& plot, std::size_t column, std::uint64_t value, const Graph& graph) {
    const std::size_t per_row = canvas.charset() == Charset::ascii ? ascii_levels.size() - 1 : unicode_levels.size() - 1;
    const std::size_t filled = filled_levels(value, graph.top, per_row * plot.size.rows);
    for (std::size_t row = 0; row < plot.size.rows; ++row) {
        const std::size_t below = (plot.size.rows - 1 - row) * per_row;
        const std::size_t level = filled > below ? std::min(filled - below, per_row) : 0;
        if (level == 0 && (row + 1 < plot.size.rows)) continue;
        const std::string_view text = level == 0 ? std::string_view{"_"} : level_text(level, canvas.charset());
        canvas.put(plot.row + row, column, text, {.tone = level == 0 ? Tone::dim : graph.tone}, 1);
    }
}

}  // namespace

void draw_graph(Canvas& canvas, const Area& area, const Graph& graph) {
    if (area.size.rows == 0) return;
    canvas.put(area.row, area.column, graph.title, {.bold = true}, area.size.columns);
    const Area plot{area.row + 1, area.column, {area.size.rows - 1, area.size.columns}};
    const std::size_t count = std::min(graph.series.size(), area.size.columns);
    for (std::size_t i = 0; i < count; ++i) {
        const auto& value = graph.series[graph.series.size() - count + i];
        if (value) draw_column(canvas, plot, area.column + area.size.columns - count + i, *value, graph);
    }
}

}  // namespace trackshm::tools
