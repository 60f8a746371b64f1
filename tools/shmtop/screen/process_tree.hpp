// SPDX-License-Identifier: Apache-2.0
//
// Processes below the one that started them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/glyphs.hpp"
#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

struct TreeRow {
    std::size_t index;   // into `pids`
    std::string branch;  // what stands before its name: "", "+- ", "|  `- "
};

// Every pid once, children after their parent, siblings in the order they come. A loop of parents, which only a lie can
// make, is cut open.
std::vector<TreeRow> arrange_as_tree(const std::vector<std::int32_t>& pids, const Parents& parents, Charset charset);

}  // namespace trackshm::tools
