// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/compose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shmtop/screen/header.hpp"
#include "shmtop/screen/help.hpp"
#include "shmtop/screen/menu.hpp"
#include "shmtop/screen/panel.hpp"
#include "shmtop/screen/view_buffers.hpp"
#include "shmtop/screen/view_devices.hpp"
#include "shmtop/screen/view_exited.hpp"
#include "shmtop/screen/view_processes.hpp"
#include "shmtop/screen/view_sizes.hpp"

namespace trackshm::tools {
namespace {

constexpr std::size_t min_list_rows = 4;    // heading included: what a panel or graph leaves of it
constexpr std::size_t min_graph_rows = 4;
constexpr std::size_t max_graph_rows = 16;
constexpr std::size_t min_graph_columns = 38;
constexpr std::size_t max_header_lines = 6;

std::string selected_id(const UiState& state, const ListModel& model) {
    const std::size_t selected = state.position().selected;
    return selected < model.rows.size() ? model.rows[selected].id : std::string{};
}

Panel panel_of(const ScreenInput& input, const UiState& state, const ListModel& model) {
    const std::string id = selected_id(state, model);
    if (id.empty() || !state.detail) return {};
    switch (state.view) {
        case ViewId::devices: return device_panel(input, state, id);
        case ViewId::processes: return process_panel(input, state, id);
        default: return {};  // the rows of the others say all there is
    }
}

// Neither panel nor graphs leave the list too little.
std::size_t rows_beside_list(std::size_t rows) { return std::min(rows - min_list_rows, rows / 2 + 1); }

std::size_t panel_rows(std::size_t rows, const Panel& panel) {
    if (panel.title.empty() || rows < min_list_rows + 2) return 0;
    return std::min(panel.lines.size() + 1, rows_beside_list(rows));
}

// What the list does not need, but always enough for one graph.
std::size_t graph_rows(std::size_t rows, const UiState& state, const ListModel& model) {
    const bool has_graphs = state.view == ViewId::devices && state.settings.graph != GraphStep::off;
    if (!has_graphs || model.rows.empty() || rows < min_list_rows + min_graph_rows) return 0;
    const std::size_t wanted_by_list = model.rows.size() + 1;
    const std::size_t left = rows > wanted_by_list ? rows - wanted_by_list : 0;
    return std::max(left, min_graph_rows);
}

// From the line that was scrolled to.
void draw_panel(Canvas& canvas, std::size_t top_row, std::size_t rows, const Panel& panel, std::size_t& top) {
    const std::size_t page = rows - 1;
    const std::size_t count = panel.lines.size();
    top = std::min(top, count > page ? count - page : 0);
    std::string title = panel.title;
    if (count > page) {
        title += fmt::format("  (lines {}-{} of {}, left and right scroll)", top + 1, std::min(top + page, count), count);
    }
    canvas.put(top_row, 0, title, {.bold = true});
    canvas.reverse(top_row, 0, canvas.size().columns);
    for (std::size_t i = 0; i < page && top + i < count; ++i) {
        canvas.put(top_row + 1 + i, 2, panel.lines[top + i].text, {.tone = panel.lines[top + i].tone});
    }
}

// As many side by side, and as many rows of them, as can still be read.
void draw_graphs(Canvas& canvas, std::size_t top_row, std::size_t rows, const ScreenInput& input, const UiState& state,
                 const ListModel& model) {
    const std::size_t columns = canvas.size().columns;
    const std::size_t across = std::max<std::size_t>(1, columns / min_graph_columns);
    const std::size_t down = std::max<std::size_t>(1, rows / (2 * min_graph_rows));
    const std::size_t wide_columns = columns / across;
    const auto graphs = device_graphs(input, state, model, selected_id(state, model), across * down, wide_columns - 1);
    if (graphs.empty()) return;
    // Fewer than there is room for take all of it.
    const std::size_t used_across = std::min(across, graphs.size());
    const std::size_t used_down = (graphs.size() + used_across - 1) / used_across;
    const std::size_t width = columns / used_across;
    const std::size_t height = std::min(rows / used_down, max_graph_rows);
    const auto wide = used_across == across
                          ? graphs
                          : device_graphs(input, state, model, selected_id(state, model), graphs.size(), width - 1);
    for (std::size_t i = 0; i < wide.size(); ++i) {
        const std::size_t row = top_row + i / used_across * height;
        draw_graph(canvas, {row, i % used_across * width, {height, width - 1}}, wide[i]);
    }
}

// ---- overlays and the footer ----------------------------------------------------------------------------------------

void draw_help(Canvas& canvas, std::size_t top_row, std::size_t rows, UiState& state) {
    const auto& lines = help_lines();
    const std::size_t last_top = lines.size() > rows ? lines.size() - rows : 0;
    state.overlay_selected = std::min(state.overlay_selected, last_top);
    for (std::size_t i = 0; i < rows && state.overlay_selected + i < lines.size(); ++i) {
        canvas.put(top_row + i, 0, lines[state.overlay_selected + i]);
    }
}

void draw_menu(Canvas& canvas, std::size_t top_row, std::size_t rows, const Menu& menu, std::size_t selected) {
    if (rows == 0) return;
    canvas.put(top_row, 0, menu.title, {.bold = true});
    canvas.reverse(top_row, 0, canvas.size().columns);
    const std::size_t page = rows - 1;
    const std::size_t first = selected >= page && page > 0 ? selected + 1 - page : 0;
    for (std::size_t i = 0; i < page && first + i < menu.items.size(); ++i) {
        const MenuItem& item = menu.items[first + i];
        canvas.put(top_row + 1 + i, 2, item.name);
        canvas.put(top_row + 1 + i, 34, item.value, {.tone = Tone::notice});
        if (first + i == selected) canvas.reverse(top_row + 1 + i, 0, canvas.size().columns);
    }
}

// Name and meaning, as many as fit.
void draw_keys(Canvas& canvas, std::size_t row, const UiState& state) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 9> keys = {{
        {"F1", "Help"}, {"F2", "Options"}, {"F3", "Search"}, {"F4", "Filter"}, {"F5", "Tree"}, {"F6", "Sort"},
        {"Enter", "Detail"}, {"p", "Pause"}, {"F10", "Quit"}}};
    std::size_t column = 0;
    for (const auto& [key, meaning] : keys) {
        if (key == "F5" && state.view != ViewId::processes) continue;
        if (key == "Enter" && !traits_of(state.view).has_panel) continue;
        if (column + key.size() + meaning.size() > canvas.size().columns) return;
        column = canvas.put(row, column, key, {.bold = true});
        const std::size_t begin = column;
        column = canvas.put(row, column, meaning);
        canvas.reverse(row, begin, column - begin);
        column += 1;
    }
    const std::string pace = fmt::format("every {} ms", state.settings.refresh_ms);
    if (column + pace.size() <= canvas.size().columns) {
        canvas.put_right(row, canvas.size().columns, pace, {.tone = Tone::dim}, pace.size());
    }
}

std::string overlay_keys(const UiState& state) {
    switch (state.overlay) {
        case Overlay::help: return "arrows scroll, any other key goes back";
        case Overlay::options: return options_menu(state.settings, state.view).keys;
        case Overlay::sort: return sort_menu(state.settings, state.view).keys;
        case Overlay::none: break;
    }
    return {};
}

void draw_message(Canvas& canvas, std::size_t row, std::size_t column, const UiState& state) {
    const Tone tone = state.message_is_problem ? Tone::critical : Tone::notice;
    canvas.put(row, column, state.message, {.tone = tone, .bold = true});
}

void draw_footer(Canvas& canvas, std::size_t row, const UiState& state) {
    if (state.prompt) {
        const char* purpose = state.prompt->purpose == Prompt::search ? "Search: " : "Filter: ";
        const std::size_t begin = canvas.put(row, 0, purpose, {.bold = true});
        const std::size_t room = canvas.size().columns - std::min(canvas.size().columns, begin + 1);  // and the cursor's
        const std::string typed = cut_front(state.prompt->text, room);  // what is being typed is at the end
        const std::size_t end = canvas.put(row, canvas.put(row, begin, typed), " ", {.reverse = true});
        draw_message(canvas, row, end + 1, state);
    } else if (!state.message.empty()) {
        draw_message(canvas, row, 0, state);
    } else if (state.overlay != Overlay::none) {
        canvas.put(row, 0, overlay_keys(state), {.bold = true});
    } else {
        draw_keys(canvas, row, state);
    }
}

void draw_body(Canvas& canvas, std::size_t row, const Layout& layout, const ScreenInput& input, UiState& state,
               const ListModel& model) {
    for (std::size_t i = 0; i < layout.notes; ++i) canvas.put(row + i, 0, model.notes[i], {.tone = Tone::dim});
    row += layout.notes;
    const ViewSettings& view = state.view_settings();
    draw_list(canvas, row, layout.list, model, state.position(),
              {traits_of(state.view).sort_keys[view.sort], view.inverted, state.search});
    row += layout.list;
    if (layout.graphs != 0) draw_graphs(canvas, row, layout.graphs, input, state, model);
    row += layout.graphs;
    if (layout.panel != 0) draw_panel(canvas, row, layout.panel, panel_of(input, state, model), state.panel_top);
}

void draw_overlay(Canvas& canvas, std::size_t row, std::size_t rows, UiState& state) {
    switch (state.overlay) {
        case Overlay::help: draw_help(canvas, row, rows, state); break;
        case Overlay::options:
            draw_menu(canvas, row, rows, options_menu(state.settings, state.view), state.overlay_selected);
            break;
        case Overlay::sort:
            draw_menu(canvas, row, rows, sort_menu(state.settings, state.view), state.overlay_selected);
            break;
        case Overlay::none: break;
    }
}

}  // namespace

ListModel list_of(const ScreenInput& input, const UiState& state) {
    ListModel model;
    switch (state.view) {
        case ViewId::devices: model = devices_list(input, state); break;
        case ViewId::processes: model = processes_list(input, state); break;
        case ViewId::buffers: model = buffers_list(input, state); break;
        case ViewId::exited: model = exited_list(input, state); break;
        case ViewId::sizes: model = sizes_list(input, state); break;
    }
    filter_rows(model, state.filter);
    return model;
}

Layout lay_out(Size size, const ScreenInput& input, const UiState& state, const ListModel& model) {
    Layout layout;
    std::size_t left = size.rows;
    const auto take = [&](std::size_t rows) {
        rows = std::min(rows, left);
        left -= rows;
        return rows;
    };
    // A row for the title whatever happens; then the list; then what helps.
    const std::size_t header_share = std::max<std::size_t>(1, size.rows / 4);
    layout.header = take(header_lines(input, state, {std::min(header_share, max_header_lines), size.columns}).size());
    if (size.rows >= 4 || state.prompt || !state.message.empty()) layout.footer = take(1);
    if (size.rows >= 5) layout.tabs = take(1);
    if (left > min_list_rows) layout.notes = take(std::min(model.notes.size(), left - min_list_rows));
    layout.panel = take(panel_rows(left, panel_of(input, state, model)));
    layout.graphs = take(graph_rows(left, state, model));
    layout.list = left;
    return layout;
}

Canvas compose(Size size, const ScreenInput& input, UiState& state) {
    Canvas canvas(size, state.charset);
    const ListModel model = list_of(input, state);
    // The panel is about the selected row, so that is found before rows are shared out.
    settle_selection(state.position(), model);
    const Layout layout = lay_out(size, input, state, model);
    settle(state.position(), model, layout.page_rows());

    std::size_t row = 0;
    for (const StyledLine& line : header_lines(input, state, {layout.header, size.columns})) draw_line(canvas, row++, line);
    if (layout.tabs != 0) draw_tabs(canvas, row++, state);
    if (state.overlay == Overlay::none) {
        draw_body(canvas, row, layout, input, state, model);
    } else {
        draw_overlay(canvas, row, layout.notes + layout.list + layout.graphs + layout.panel, state);
    }
    if (layout.footer != 0) draw_footer(canvas, size.rows - 1, state);
    return canvas;
}

}  // namespace trackshm::tools
