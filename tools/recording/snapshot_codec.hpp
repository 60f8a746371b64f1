// SPDX-License-Identifier: Apache-2.0
//
// A snapshot and what of its details a recording keeps, as bytes. Every field survives; of the details all but the samples
// of the past, for which a recording has its other frames.
#pragma once

#include <string>
#include <string_view>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

std::string encode_snapshot(const stats::Snapshot& snapshot, const stats::Details& details);

// False if the bytes are not exactly one snapshot; then both are empty.
bool decode_snapshot(std::string_view bytes, stats::Snapshot& snapshot, stats::Details& details);

}  // namespace trackshm::tools
