// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

// The snapshot as one JSON document of schema trackshm.snapshot/1 on one line, newline included. Unknown is null.
std::string json_document(const stats::Snapshot& snapshot);

}  // namespace trackshm::tools
