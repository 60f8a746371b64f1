// SPDX-License-Identifier: Apache-2.0
//
// A graph of the past: time runs to the right and ends now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shmtop/screen/canvas.hpp"

namespace trackshm::tools {

struct Graph {
    std::string title;
    std::vector<std::optional<std::uint64_t>> series;  // a column each, the last one at the right edge
    std::uint64_t top = 0;                             // the value at the upper edge
    Tone tone = Tone::notice;
};

struct Area {
    std::size_t row = 0;
    std::size_t column = 0;
    Size size;
};

// The title in the first row, the graph in those below.
void draw_graph(Canvas& canvas, const Area& area, const Graph& graph);

}  // namespace trackshm::tools
