// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/glyphs.hpp"
#include "common/number.hpp"
#include "common/text.hpp"

namespace trackshm::tools {
namespace {

constexpr std::array<std::string_view, 5> unit_names = {"auto", "bytes", "KiB", "MiB", "GiB"};
constexpr std::array<std::string_view, 4> graph_names = {"off", "1s", "10s", "60s"};
constexpr std::array<std::string_view, 2> switch_names = {"no", "yes"};

template <class Number>
bool parse_within(std::string_view value, Number minimum, Number maximum, Number& target) {
    const auto number = parse_number<Number>(value);
    if (!number || *number < minimum || *number > maximum) return false;
    target = *number;
    return true;
}

template <class Enum>
bool parse_name(std::span<const std::string_view> names, std::string_view value, Enum& target) {
    const auto index = find_name(names, value);
    if (index) target = static_cast<Enum>(*index);
    return index.has_value();
}

// "live" or "live inverted".
bool parse_sort(const ViewTraits& traits, std::string_view value, ViewSettings& view) {
    constexpr std::string_view suffix = " inverted";
    view.inverted = value.ends_with(suffix);
    if (view.inverted) value.remove_suffix(suffix.size());
    return parse_name(traits.sort_keys, trimmed(value), view.sort);
}

bool parse_start_view(std::string_view value, ViewId& view) {
    for (std::size_t i = 0; i < view_count; ++i) {
        if (traits_of(static_cast<ViewId>(i)).name != value) continue;
        view = static_cast<ViewId>(i);
        return true;
    }
    return false;
}

enum class Parsed { ok, unknown_key, bad_value };

Parsed parsed(bool value_is_good) { return value_is_good ? Parsed::ok : Parsed::bad_value; }

// "sort.VIEW" and "columns.VIEW".
Parsed parse_view_setting(std::string_view key, std::string_view value, Settings& settings) {
    for (std::size_t i = 0; i < view_count; ++i) {
        const auto id = static_cast<ViewId>(i);
        const ViewTraits& traits = traits_of(id);
        if (key == fmt::format("sort.{}", traits.name)) return parsed(parse_sort(traits, value, settings.of(id)));
        if (key == fmt::format("columns.{}", traits.name)) {
            return parsed(parse_name(traits.column_sets, value, settings.of(id).columns));
        }
    }
    return Parsed::unknown_key;
}

Parsed parse_setting(std::string_view key, std::string_view value, Settings& settings) {
    if (key == "refresh_ms") {
        return parsed(parse_within(value, min_refresh_ms, max_refresh_ms, settings.refresh_ms));
    }
    if (key == "unit") return parsed(parse_name(unit_names, value, settings.unit));
    if (key == "warning_percent") return parsed(parse_within(value, 1U, 100U, settings.warning_percent));
    if (key == "critical_percent") return parsed(parse_within(value, 1U, 100U, settings.critical_percent));
    if (key == "graph") return parsed(parse_name(graph_names, value, settings.graph));
    if (key == "tree") return parsed(parse_name(switch_names, value, settings.tree));
    if (key == "view") return parsed(parse_start_view(value, settings.view));
    return parse_view_setting(key, value, settings);
}

// Nothing if the line is good.
std::optional<std::string> parse_line(std::string_view line, Settings& settings) {
    line = trimmed(line);
    if (line.empty() || line.front() == '#') return std::nullopt;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return "it is no 'key = value'";
    const std::string_view key = trimmed(line.substr(0, equals));
    const std::string_view value = trimmed(line.substr(equals + 1));
    switch (parse_setting(key, value, settings)) {
        case Parsed::ok: return std::nullopt;
        case Parsed::unknown_key: return fmt::format("there is no setting '{}'", cut(key, 40));
        case Parsed::bad_value: break;
    }
    return fmt::format("'{}' is no value of {}", cut(value, 40), key);
}

}  // namespace

std::string_view unit_name(ByteUnit unit) noexcept { return unit_names[static_cast<std::size_t>(unit)]; }
std::string_view graph_name(GraphStep step) noexcept { return graph_names[static_cast<std::size_t>(step)]; }

ByteUnit next_unit(ByteUnit unit, std::ptrdiff_t step) noexcept {
    return static_cast<ByteUnit>(step_index(static_cast<std::size_t>(unit), unit_names.size(), step));
}

GraphStep next_graph(GraphStep graph, std::ptrdiff_t step) noexcept {
    return static_cast<GraphStep>(step_index(static_cast<std::size_t>(graph), graph_names.size(), step));
}

std::uint64_t next_refresh_ms(std::uint64_t refresh_ms, bool slower) noexcept {
    std::uint64_t below = min_refresh_ms;
    for (std::uint64_t decade = 10; decade <= max_refresh_ms; decade *= 10) {
        for (const std::uint64_t notch : {decade, 2 * decade, 5 * decade}) {
            if (notch > max_refresh_ms) break;
            if (slower && notch > refresh_ms) return notch;
            if (!slower && notch < refresh_ms) below = notch;
        }
    }
    return slower ? max_refresh_ms : below;
}

std::string settings_text(const Settings& settings) {
    std::string text = fmt::format(
        "# How shmtop looks at the start. Written by its options (F2).\n"
        "refresh_ms = {}\nunit = {}\nwarning_percent = {}\ncritical_percent = {}\ngraph = {}\ntree = {}\nview = {}\n",
        settings.refresh_ms, unit_name(settings.unit), settings.warning_percent, settings.critical_percent,
        graph_name(settings.graph), switch_names[settings.tree ? 1 : 0], traits_of(settings.view).name);
    for (std::size_t i = 0; i < view_count; ++i) {
        const ViewTraits& traits = traits_of(static_cast<ViewId>(i));
        const ViewSettings& view = settings.views[i];
        fmt::format_to(std::back_inserter(text), "sort.{} = {}{}\n", traits.name, traits.sort_keys[view.sort],
                       view.inverted ? " inverted" : "");
        if (traits.column_sets.size() < 2) continue;
        fmt::format_to(std::back_inserter(text), "columns.{} = {}\n", traits.name, traits.column_sets[view.columns]);
    }
    return text;
}

std::optional<Settings> parse_settings(std::string_view text, std::string& problem) {
    Settings settings;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        if (const auto wrong = parse_line(text.substr(0, end), settings)) {
            problem = fmt::format("line {}: {}", number, *wrong);
            return std::nullopt;
        }
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    if (settings.warning_percent > settings.critical_percent) {
        problem = "warning_percent is above critical_percent";
        return std::nullopt;
    }
    return settings;
}

}  // namespace trackshm::tools
