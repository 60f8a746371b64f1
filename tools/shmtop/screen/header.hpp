// SPDX-License-Identifier: Apache-2.0
//
// The head of the screen: whose figures these are, whether they are good, and which views there are.
#pragma once

#include <cstddef>
#include <vector>

#include "shmtop/screen/canvas.hpp"
#include "shmtop/screen/screen_input.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

// Part of a line.
struct Segment {
    std::string text;
    Style style;
};
using StyledLine = std::vector<Segment>;

// At most as many rows as `room` has, the most important ones. The first says whether the figures are good, however narrow
// it is: the name of the namespace makes way.
std::vector<StyledLine> header_lines(const ScreenInput& input, const UiState& state, Size room);

// The names of the views, and what limits the list.
void draw_tabs(Canvas& canvas, std::size_t row, const UiState& state);

void draw_line(Canvas& canvas, std::size_t row, const StyledLine& line);

}  // namespace trackshm::tools
