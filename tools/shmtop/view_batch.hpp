// SPDX-License-Identifier: Apache-2.0
//
// The frame: what people see, on the live screen and as plain text.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

// How much attention a line wants. Plain text does without.
enum class Tone { normal, title, heading, warning, critical };

struct FrameLine {
    std::string text;
    Tone tone = Tone::normal;
};
using Frame = std::vector<FrameLine>;

struct FrameOptions {
    std::size_t columns = 80;
    bool all_devices = false;  // those that never held anything, too
};

// Used part of a memory from which its line is of that tone.
inline constexpr double warning_ratio = 0.75;
inline constexpr double critical_ratio = 0.90;

Frame make_frame(const stats::Snapshot& snapshot, const FrameOptions& options);

std::string plain_text(const Frame& frame);

}  // namespace trackshm::tools
