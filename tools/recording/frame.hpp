// SPDX-License-Identifier: Apache-2.0
//
// One frame as bytes: the snapshot encoded, compressed and headed.
#pragma once

#include <string>
#include <string_view>

#include <trackshm/stats.hpp>

#include "recording/format.hpp"

namespace trackshm::tools {

// Header and stored bytes. Empty if the snapshot is larger than a frame may be.
std::string make_frame_bytes(const stats::Snapshot& snapshot, const stats::Details& details);

// False if the stored bytes are not those of one snapshot of the header's size.
bool read_frame_bytes(const FrameHeader& header, std::string_view stored, stats::Snapshot& snapshot,
                      stats::Details& details);

}  // namespace trackshm::tools
