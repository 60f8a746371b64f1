// SPDX-License-Identifier: Apache-2.0
//
// What the user has done to the screen so far. Keys change it (keys.hpp); together with the figures it says what is shown.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "shmtop/screen/canvas.hpp"
#include "shmtop/screen/settings.hpp"

namespace trackshm::tools {

// Which row of a list is chosen, and which one is on top. The choice follows its row wherever sorting puts it; without
// one it stays at the top.
struct ListPosition {
    std::size_t selected = 0;
    std::string selected_id;  // empty: nothing was chosen
    std::size_t top = 0;
};

enum class Overlay { none, help, options, sort };

// A line of text that is being typed at the bottom.
struct Prompt {
    enum Purpose { search, filter } purpose;
    std::string text;
    std::string before;              // what the filter, or what was searched for, was
    ListPosition position_before;    // which row was chosen
};

struct UiState {
    ViewId view = ViewId::devices;
    std::array<ListPosition, view_count> positions;
    Settings settings;
    Settings settings_before;  // as they were when the options were opened

    Overlay overlay = Overlay::none;
    std::size_t overlay_selected = 0;  // item of a menu, first line of the help
    std::optional<Prompt> prompt;
    std::string search;
    std::string filter;
    bool paused = false;
    bool detail = false;               // a panel about the selected row
    std::size_t panel_top = 0;         // its first line that is shown
    bool all_devices = false;          // those that never held anything, too
    std::string message;               // instead of the keys at the bottom, until the next key
    bool message_is_problem = false;

    Charset charset = Charset::ascii;

    ListPosition& position() noexcept { return positions[index_of(view)]; }
    const ListPosition& position() const noexcept { return positions[index_of(view)]; }
    const ViewSettings& view_settings() const noexcept { return settings.of(view); }

    void tell(std::string text, bool is_problem = false) {
        message = std::move(text);
        message_is_problem = is_problem;
    }
};

}  // namespace trackshm::tools
