// SPDX-License-Identifier: Apache-2.0
//
// The bar of a memory: how much of it is used.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/glyphs.hpp"

namespace trackshm::tools {

// `width` columns, brackets included: "[####---|---]". `mark` is where the peak was; ratios beyond 1 count as 1.
std::string usage_bar(double ratio, std::optional<double> mark, std::size_t width, Charset charset);

}  // namespace trackshm::tools
