// SPDX-License-Identifier: Apache-2.0
//
// The lower part of a view: more about the selected row.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shmtop/screen/canvas.hpp"

namespace trackshm::tools {

struct PanelLine {
    PanelLine(std::string what = {}, Tone how = Tone::normal) : text(std::move(what)), tone(how) {}

    std::string text;
    Tone tone;
};

struct Panel {
    std::string title;
    std::vector<PanelLine> lines;
};

}  // namespace trackshm::tools
