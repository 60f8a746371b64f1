// SPDX-License-Identifier: Apache-2.0
//
// Puts the screen together: figures and the user's state in, characters out.
#pragma once

#include <cstddef>

#include "shmtop/screen/canvas.hpp"
#include "shmtop/screen/list.hpp"
#include "shmtop/screen/screen_input.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

// The rows of the chosen view, filtered.
ListModel list_of(const ScreenInput& input, const UiState& state);

// How the rows of the screen are shared out. What there is no room for gets none.
struct Layout {
    std::size_t header = 0;
    std::size_t tabs = 0;
    std::size_t notes = 0;
    std::size_t list = 0;    // its heading included
    std::size_t graphs = 0;
    std::size_t panel = 0;   // its title included
    std::size_t footer = 0;

    std::size_t page_rows() const noexcept { return list > 1 ? list - 1 : 1; }  // of the list
};
Layout lay_out(Size size, const ScreenInput& input, const UiState& state, const ListModel& model);

// The positions in `state` are made good for what is there now (settle() in list.hpp).
Canvas compose(Size size, const ScreenInput& input, UiState& state);

}  // namespace trackshm::tools
