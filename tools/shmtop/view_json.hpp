// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

struct JsonOptions {
    bool history = false;  // each device's past, too: some hundred KiB of each
};

// The snapshot, with the details of its devices, as one JSON document of schema trackshm.snapshot/1 on one line, newline
// included. Unknown is null.
std::string json_document(const stats::Snapshot& snapshot, const stats::Details& details,
                          const JsonOptions& options = {});

}  // namespace trackshm::tools
