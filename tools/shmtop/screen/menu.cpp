// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/menu.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace trackshm::tools {
namespace {

constexpr unsigned percent_step = 5;

unsigned stepped_percent(unsigned percent, std::ptrdiff_t step) {
    const auto changed = static_cast<std::ptrdiff_t>(percent) + step * static_cast<std::ptrdiff_t>(percent_step);
    return static_cast<unsigned>(std::clamp<std::ptrdiff_t>(changed, percent_step, 100));
}

std::string sort_text(const Settings& settings, ViewId view) {
    const ViewSettings& of_view = settings.of(view);
    return fmt::format("{}{}", traits_of(view).sort_keys[of_view.sort], of_view.inverted ? ", inverted" : "");
}

// In the order of the menu.
enum Option : std::size_t { refresh, unit, warning, critical, graph, tree, start_view, columns, sort_key, inverted };

}  // namespace

Menu options_menu(const Settings& settings, ViewId view) {
    const ViewTraits& traits = traits_of(view);
    Menu menu;
    menu.title = "Options";
    menu.items = {
        {"Refresh", fmt::format("{} ms", settings.refresh_ms)},
        {"Sizes in", std::string{unit_name(settings.unit)}},
        {"Yellow from", fmt::format("{} %", settings.warning_percent)},
        {"Red from", fmt::format("{} %", settings.critical_percent)},
        {"Graph, a column is", std::string{graph_name(settings.graph)}},
        {"Processes as a tree", settings.tree ? "yes" : "no"},
        {"View at the start", std::string{traits_of(settings.view).title}},
        {fmt::format("{}: columns", traits.title), std::string{traits.column_sets[settings.of(view).columns]}},
        {fmt::format("{}: sorted by", traits.title), std::string{traits.sort_keys[settings.of(view).sort]}},
        {fmt::format("{}: the other way round", traits.title), settings.of(view).inverted ? "yes" : "no"},
    };
    menu.keys = "up down choose  left right change  s save  Enter keep until the end  Esc undo";
    return menu;
}

void change_option(Settings& settings, ViewId view, std::size_t item, std::ptrdiff_t step) {
    const ViewTraits& traits = traits_of(view);
    ViewSettings& of_view = settings.of(view);
    switch (item) {
        case refresh: settings.refresh_ms = next_refresh_ms(settings.refresh_ms, step > 0); break;
        case unit: settings.unit = next_unit(settings.unit, step); break;
        case warning:
            settings.warning_percent = std::min(stepped_percent(settings.warning_percent, step), settings.critical_percent);
            break;
        case critical:
            settings.critical_percent = std::max(stepped_percent(settings.critical_percent, step), settings.warning_percent);
            break;
        case graph: settings.graph = next_graph(settings.graph, step); break;
        case tree: settings.tree = !settings.tree; break;
        case start_view: settings.view = next_view(settings.view, step); break;
        case columns: of_view.columns = step_index(of_view.columns, traits.column_sets.size(), step); break;
        case sort_key: of_view.sort = step_index(of_view.sort, traits.sort_keys.size(), step); break;
        case inverted: of_view.inverted = !of_view.inverted; break;
        default: break;
    }
}

Menu sort_menu(const Settings& settings, ViewId view) {
    Menu menu;
    menu.title = fmt::format("Sort {} by", traits_of(view).title);
    for (const std::string_view key : traits_of(view).sort_keys) menu.items.push_back({std::string{key}, ""});
    menu.keys = fmt::format("up down choose  Enter sort  Esc leave (now: {})", sort_text(settings, view));
    return menu;
}

}  // namespace trackshm::tools
