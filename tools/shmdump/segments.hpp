// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "segments/inventory.hpp"

namespace trackshm::tools {

// `shmdump segments`: a table for people, or one JSON array on a line.
std::string segments_text(const Inventory& inventory);
std::string segments_json(const Inventory& inventory);

}  // namespace trackshm::tools
