// SPDX-License-Identifier: Apache-2.0
//
// "did you mean ..": for names that are mistyped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trackshm::tools {

// The candidate with the fewest letters to change, empty if none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

// "; did you mean 'live_bytes'?", or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace trackshm::tools
