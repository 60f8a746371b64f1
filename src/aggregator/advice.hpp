// SPDX-License-Identifier: Apache-2.0
//
// What to do about a failed system call, in words for the one line that tells of it.
#pragma once

#include <string>

namespace trackshm::aggregator {

// "No space left on device; ..." for an errno of creating, enlarging or opening a segment.
std::string reason_and_remedy(int error);

}  // namespace trackshm::aggregator
