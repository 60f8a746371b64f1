// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/header.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/glyphs.hpp"
#include "common/units.hpp"
#include "shmtop/summary.hpp"

namespace trackshm::tools {
namespace {

constexpr Style good{.tone = Tone::good};
constexpr Style bold{.bold = true};
constexpr Style warning{.tone = Tone::warning, .bold = true};
constexpr Style critical{.tone = Tone::critical, .bold = true};

StyledLine health(const ScreenInput& input, const UiState& state) {
    const stats::Snapshot& snapshot = input.snapshot;
    StyledLine line;
    if (!snapshot.aggregator_alive) {
        line.push_back({"  " + aggregator_text(snapshot) + " GONE", critical});
    } else if (!input.can_seek) {  // nobody can do anything about a recording's
        line.push_back({"  " + aggregator_text(snapshot), {}});
    }
    const Style trust = !snapshot.exact ? critical : standstill_text(snapshot).empty() ? good : Style{};
    line.push_back({fmt::format("  {}", exactness_text(snapshot)), trust});
    if (state.paused) line.push_back({"  PAUSED", warning});
    if (!input.source_status.empty()) line.push_back({"  " + input.source_status, bold});
    return line;
}

// Whose figures these are and of when, as far as there are columns beside the health.
StyledLine title_line(const ScreenInput& input, const UiState& state, std::size_t columns) {
    StyledLine line = health(input, state);
    std::size_t left = columns;
    for (const Segment& segment : line) left -= std::min(left, columns_of(segment.text));
    constexpr std::string_view program = "trackshm ";
    const std::string name = cut(program.data() + input.snapshot.name_space, std::max(left, program.size()));
    const std::string clock = "  " + clock_text(input.snapshot.time_unix_ns);
    if (columns_of(name) + columns_of(clock) <= left) line.insert(line.begin(), {clock, {}});
    line.insert(line.begin(), {name, bold});
    return line;
}

// The counters that are looked at first, whatever they are, and all others that are not zero. On as many lines as they take.
std::vector<StyledLine> counter_lines(const stats::Snapshot& snapshot, std::size_t columns) {
    std::vector<StyledLine> lines(1);
    std::size_t used = 0;
    const auto add = [&](const char* name, std::uint64_t count, Style style) {
        constexpr std::string_view gap = "   ";
        std::string text = fmt::format("{} {}", name, count);
        if (used != 0 && used + gap.size() + text.size() > columns) {
            lines.emplace_back();
            used = 0;
        }
        if (used != 0) text.insert(0, gap);
        used += text.size();
        lines.back().push_back({std::move(text), style});
    };
    const stats::Events& events = snapshot.events;
    add("pending", events.pending, {});
    add("dropped", events.dropped, events.dropped != 0 ? critical : Style{});
    add("unknown frees", events.unknown_frees, events.unknown_frees != 0 ? warning : Style{});
    for (const Irregularity& one : irregularities(snapshot)) {
        const std::string_view name = one.name;
        if (name == "pending" || name == "dropped" || name == "unknown frees") continue;
        const Style notable = name == "coalesced" || name == "ambiguous frees" ? Style{} : warning;
        add(one.name, one.count, one.is_loss ? critical : notable);
    }
    return lines;
}

// What there is, and of what it is a part: before it, or where that is too long on a line of its own.
std::vector<StyledLine> totals_lines(const ScreenInput& input, const UiState& state, std::size_t columns) {
    const std::string totals = totals_text(input.snapshot, state.settings.unit);
    if (input.filter.text.empty()) return {{{totals, {}}}};
    const std::string filter = "only " + input.filter.text + ": ";
    if (columns_of(filter) + columns_of(totals) > columns) return {{{filter, bold}}, {{totals, {}}}};
    return {{{filter, bold}, {totals, {}}}};
}

// What is wrong, a line each, the worst first.
std::vector<StyledLine> problem_lines(const stats::Snapshot& snapshot) {
    std::vector<StyledLine> lines;
    if (std::string standstill = standstill_text(snapshot); !standstill.empty()) {
        lines.push_back({{std::move(standstill), critical}});
    }
    for (const Irregularity& one : irregularities(snapshot)) {
        const std::string_view name = one.name;
        if (name == "pending" || name == "coalesced" || name == "ambiguous frees") continue;  // no trouble by itself
        const char* const counted = one.count == 1 ? one.name_of_one : one.name;
        lines.push_back({{fmt::format("{} {}{}: {}", one.count, counted, one.where, one.meaning), one.is_loss ? critical : warning}});
    }
    return lines;
}

}  // namespace

std::vector<StyledLine> header_lines(const ScreenInput& input, const UiState& state, Size room) {
    std::vector<StyledLine> lines = {title_line(input, state, room.columns)};
    std::vector<StyledLine> problems = problem_lines(input.snapshot);
    const bool stands_still = !standstill_text(input.snapshot).empty();
    // That the figures are old comes before the figures.
    if (stands_still) {
        lines.push_back(std::move(problems.front()));
        problems.erase(problems.begin());
    }
    for (StyledLine& line : totals_lines(input, state, room.columns)) lines.push_back(std::move(line));
    for (StyledLine& line : counter_lines(input.snapshot, room.columns)) lines.push_back(std::move(line));
    for (StyledLine& problem : problems) lines.push_back(std::move(problem));
    if (lines.size() > room.rows) lines.resize(room.rows);
    return lines;
}

void draw_line(Canvas& canvas, std::size_t row, const StyledLine& line) {
    std::size_t column = 0;
    for (const Segment& segment : line) column = canvas.put(row, column, segment.text, segment.style);
}

void draw_tabs(Canvas& canvas, std::size_t row, const UiState& state) {
    std::size_t column = 0;
    for (std::size_t i = 0; i < view_count; ++i) {
        const bool is_shown = index_of(state.view) == i;
        const std::string name = fmt::format("{} {}", i + 1, traits_of(static_cast<ViewId>(i)).title);
        const std::string title = is_shown ? "[" + name + "]" : " " + name + " ";
        column = canvas.put(row, column, title, {.bold = is_shown, .reverse = is_shown});
    }
    if (!state.filter.empty()) column = canvas.put(row, column + 1, "filter: " + state.filter, warning);
    if (!state.search.empty()) canvas.put(row, column + 1, "search: " + state.search, {.tone = Tone::notice});
}

}  // namespace trackshm::tools
