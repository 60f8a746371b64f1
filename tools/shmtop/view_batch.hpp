// SPDX-License-Identifier: Apache-2.0
//
// The frame: what people see as plain text.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

using Frame = std::vector<std::string>;  // lines

struct FrameOptions {
    std::size_t columns = 80;
    bool all_devices = false;  // those that never held anything, too
    std::string filter{};      // the options that ask for less than all, as text
};

Frame make_frame(const stats::Snapshot& snapshot, const FrameOptions& options);

std::string plain_text(const Frame& frame);

}  // namespace trackshm::tools
