// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/keys.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "shmtop/screen/menu.hpp"

namespace trackshm::tools {
namespace {

constexpr std::size_t max_prompt_bytes = 200;

// ---- the list -------------------------------------------------------------------------------------------------------

void select(const KeyContext& context, ListPosition& position, std::size_t row) {
    if (context.model.rows.empty()) return;
    position.selected = std::min(row, context.model.rows.size() - 1);
    position.selected_id = context.model.rows[position.selected].id;
}

// Returns whether the key is one of those.
bool move_selection(const Key& key, const KeyContext& context, ListPosition& position) {
    const std::size_t now = position.selected;
    const auto up = [&](std::size_t rows) { select(context, position, now - std::min(now, rows)); };
    if (key.name == Key::up || key.is('k')) {
        up(1);
    } else if (key.name == Key::down || key.is('j')) {
        select(context, position, now + 1);
    } else if (key.name == Key::page_up) {
        up(context.page_rows);
    } else if (key.name == Key::page_down) {
        select(context, position, now + context.page_rows);
    } else if (key.name == Key::home) {
        // Back to the start means to stay there, whichever row that is.
        position = {};
    } else if (key.name == Key::end) {
        select(context, position, static_cast<std::size_t>(-1));
    } else {
        return false;
    }
    return true;
}

// The panel about the selected row, by half a page of the list.
bool scroll_panel(const Key& key, const KeyContext& context, UiState& state) {
    const std::size_t step = std::max<std::size_t>(context.page_rows / 2, 1);
    if (key.name == Key::right) {
        state.panel_top += step;  // drawing keeps it within the panel
    } else if (key.name == Key::left) {
        state.panel_top -= std::min(state.panel_top, step);
    } else {
        return false;
    }
    return true;
}

// To the next row that contains the text, from `first` on and around. False if none does.
bool find_from(std::size_t first, const KeyContext& context, UiState& state) {
    const auto& rows = context.model.rows;
    if (state.search.empty()) return true;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::size_t row = (first + i) % rows.size();
        if (!row_contains(rows[row], state.search)) continue;
        select(context, state.position(), row);
        return true;
    }
    state.tell(fmt::format("'{}' is not in this list", state.search), true);
    return false;
}

// ---- typing ---------------------------------------------------------------------------------------------------------

void append_utf8(std::string& text, char32_t c) {
    const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
    if (c < 0x80) {
        text += byte(c);
    } else if (c < 0x800) {
        text += {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
    } else if (c < 0x10000) {
        text += {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
    } else {
        text += {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)),
                 byte(0x80 | (c & 0x3F))};
    }
}

void erase_last_character(std::string& text) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    if (!text.empty()) text.pop_back();
}

// What has been typed acts at once.
void apply_prompt(const KeyContext& context, UiState& state) {
    if (state.prompt->purpose == Prompt::filter) {
        state.filter = state.prompt->text;
    } else {
        state.search = state.prompt->text;
        state.position() = state.prompt->position_before;
        find_from(state.position().selected, context, state);
    }
}

void open_prompt(Prompt::Purpose purpose, UiState& state) {
    const std::string& before = purpose == Prompt::filter ? state.filter : state.search;
    state.prompt = Prompt{purpose, purpose == Prompt::filter ? before : std::string{}, before, state.position()};
}

// As if nothing had been typed.
void take_prompt_back(UiState& state) {
    const Prompt& prompt = *state.prompt;
    (prompt.purpose == Prompt::filter ? state.filter : state.search) = prompt.before;
    state.position() = prompt.position_before;
}

// A search in vain leaves no trace but the message.
void accept_prompt(const KeyContext& context, UiState& state) {
    const bool is_search = state.prompt->purpose == Prompt::search;
    if (is_search && !find_from(state.position().selected, context, state)) take_prompt_back(state);
    state.prompt.reset();
}

void type(const Key& key, const KeyContext& context, UiState& state) {
    Prompt& prompt = *state.prompt;
    switch (key.name) {
        case Key::enter: accept_prompt(context, state); return;
        case Key::escape:
            take_prompt_back(state);
            state.prompt.reset();
            return;
        case Key::backspace: erase_last_character(prompt.text); break;
        case Key::erase_line: prompt.text.clear(); break;
        case Key::f3:
            if (prompt.purpose == Prompt::search) find_from(state.position().selected + 1, context, state);
            return;
        case Key::character:
            if (key.code >= U' ' && key.code != 0x7F && prompt.text.size() < max_prompt_bytes) {
                append_utf8(prompt.text, key.code);
            }
            break;
        default: return;
    }
    apply_prompt(context, state);
}

// ---- menus and help -------------------------------------------------------------------------------------------------

void move_in_menu(const Key& key, std::size_t items, UiState& state) {
    std::size_t& selected = state.overlay_selected;
    if ((key.name == Key::up || key.is('k')) && selected > 0) --selected;
    if ((key.name == Key::down || key.is('j')) && selected + 1 < items) ++selected;
    if (key.name == Key::home) selected = 0;
    if (key.name == Key::end && items > 0) selected = items - 1;
}

void handle_help_key(const Key& key, UiState& state) {
    std::size_t& top = state.overlay_selected;  // drawing keeps it within the help
    if (key.name == Key::up || key.is('k')) {
        top -= std::min<std::size_t>(top, 1);
    } else if (key.name == Key::down || key.is('j')) {
        ++top;
    } else if (key.name == Key::page_up) {
        top -= std::min<std::size_t>(top, 10);
    } else if (key.name == Key::page_down) {
        top += 10;
    } else {
        state.overlay = Overlay::none;
    }
}

Effect handle_options_key(const Key& key, UiState& state) {
    move_in_menu(key, options_menu(state.settings, state.view).items.size(), state);
    const bool more = key.name == Key::right || key.is('+') || key.is(' ');
    if (more) change_option(state.settings, state.view, state.overlay_selected, 1);
    if (key.name == Key::left || key.is('-')) change_option(state.settings, state.view, state.overlay_selected, -1);
    if (key.name == Key::escape || key.is('q')) state.settings = state.settings_before;
    if (key.name == Key::escape || key.is('q') || key.name == Key::enter || key.name == Key::f2 || key.is('s')) {
        state.overlay = Overlay::none;
    }
    return key.is('s') ? Effect::save_settings : Effect::none;
}

void handle_sort_key(const Key& key, UiState& state) {
    move_in_menu(key, sort_menu(state.settings, state.view).items.size(), state);
    if (key.name == Key::enter) state.settings.of(state.view).sort = state.overlay_selected;
    if (key.name == Key::enter || key.name == Key::escape || key.name == Key::f6 || key.is('q')) {
        state.overlay = Overlay::none;
    }
}

void open_overlay(Overlay overlay, UiState& state) {
    state.overlay = overlay;
    state.overlay_selected = overlay == Overlay::sort ? state.view_settings().sort : 0;
    state.settings_before = state.settings;
}

// ---- all else -------------------------------------------------------------------------------------------------------

bool choose_view(const Key& key, UiState& state) {
    if (key.name == Key::tab) {
        state.view = next_view(state.view, 1);
    } else if (key.name == Key::back_tab) {
        state.view = next_view(state.view, -1);
    } else if (key.name == Key::character && key.code >= U'1' && key.code < U'1' + view_count) {
        state.view = static_cast<ViewId>(key.code - U'1');
    } else {
        return false;
    }
    return true;
}

bool open_something(const Key& key, UiState& state) {
    if (key.name == Key::f1 || key.is('h') || key.is('?')) {
        open_overlay(Overlay::help, state);
    } else if (key.name == Key::f2) {
        open_overlay(Overlay::options, state);
    } else if (key.name == Key::f3 || key.is('/')) {
        open_prompt(Prompt::search, state);
    } else if (key.name == Key::f4 || key.is('\\')) {
        open_prompt(Prompt::filter, state);
    } else if (key.name == Key::f6) {
        open_overlay(Overlay::sort, state);
    } else {
        return false;
    }
    return true;
}

void change_sort(UiState& state, std::ptrdiff_t step) {
    ViewSettings& view = state.settings.of(state.view);
    const auto count = static_cast<std::ptrdiff_t>(traits_of(state.view).sort_keys.size());
    view.sort = static_cast<std::size_t>((static_cast<std::ptrdiff_t>(view.sort) + step + count) % count);
    state.tell(fmt::format("sorted by {}", traits_of(state.view).sort_keys[view.sort]));
}

void change_columns(UiState& state) {
    ViewSettings& view = state.settings.of(state.view);
    const auto& sets = traits_of(state.view).column_sets;
    view.columns = (view.columns + 1) % sets.size();
    state.tell(sets.size() < 2 ? std::string{"this view has one set of columns"}
                               : fmt::format("columns: {}", sets[view.columns]));
}

void change_refresh(UiState& state, bool slower) {
    state.settings.refresh_ms = next_refresh_ms(state.settings.refresh_ms, slower);
    state.tell(fmt::format("refreshed every {} ms", state.settings.refresh_ms));
}

// Keys that change how things are shown.
bool change_look(const Key& key, UiState& state) {
    if (key.name == Key::enter) {
        if (traits_of(state.view).has_panel) {
            state.detail = !state.detail;
        } else {
            state.tell("these rows say all there is to say");
        }
    } else if (key.name == Key::f5) {
        state.settings.tree = !state.settings.tree;
    } else if (key.name != Key::character) {
        return false;
    } else {
        switch (key.code) {
            case '<': change_sort(state, -1); break;
            case '>': change_sort(state, 1); break;
            case 'I': state.settings.of(state.view).inverted = !state.view_settings().inverted; break;
            case 't': state.settings.tree = !state.settings.tree; break;
            case 'g':
                if (state.view != ViewId::devices) {
                    state.tell("graphs are in the view of devices");
                    break;
                }
                state.settings.graph = next_graph(state.settings.graph, 1);
                state.tell(fmt::format("graph: {}", graph_name(state.settings.graph)));
                break;
            case 'm': change_columns(state); break;
            case 'e':
                state.settings.unit = next_unit(state.settings.unit, 1);
                state.tell(fmt::format("sizes: {}", unit_name(state.settings.unit)));
                break;
            case 'a': state.all_devices = !state.all_devices; break;
            case '+': change_refresh(state, false); break;
            case '-': change_refresh(state, true); break;
            default: return false;
        }
    }
    return true;
}

bool has_open_panel(const KeyContext& context, const UiState& state) {
    return state.detail && traits_of(state.view).has_panel && !context.model.rows.empty();
}

Effect move_in_recording(const Key& key, const KeyContext& context, UiState& state) {
    Effect effect = Effect::none;
    if (key.is('[')) effect = Effect::seek_back;
    if (key.is(']')) effect = Effect::seek_on;
    if (key.is('{')) effect = Effect::slower;
    if (key.is('}')) effect = Effect::faster;
    if (effect == Effect::none || context.can_seek) return effect;
    state.tell("[ ] { } move in a recording; this is now");
    return Effect::none;
}

}  // namespace

Effect handle_key(const Key& key, const KeyContext& context, UiState& state) {
    state.message.clear();
    if (state.prompt) {
        type(key, context, state);
        return Effect::none;
    }
    switch (state.overlay) {
        case Overlay::help: handle_help_key(key, state); return Effect::none;
        case Overlay::options: return handle_options_key(key, state);
        case Overlay::sort: handle_sort_key(key, state); return Effect::none;
        case Overlay::none: break;
    }
    if (key.name == Key::escape && has_open_panel(context, state)) {
        state.detail = false;
        return Effect::none;
    }
    if (key.is('q') || key.is('Q') || key.name == Key::f10 || key.name == Key::escape) return Effect::quit;
    if (key.is('p') || key.is('P') || key.is(' ')) {
        state.paused = !state.paused;
        return Effect::pause_changed;
    }
    if (key.is('n')) {
        find_from(state.position().selected + 1, context, state);
        return Effect::none;
    }
    if (open_something(key, state) || change_look(key, state) || scroll_panel(key, context, state)) return Effect::none;
    if (choose_view(key, state) || move_selection(key, context, state.position())) {
        state.panel_top = 0;  // it is about another row
        return Effect::none;
    }
    return move_in_recording(key, context, state);
}

}  // namespace trackshm::tools
