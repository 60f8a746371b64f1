// SPDX-License-Identifier: Apache-2.0
//
// Sizes: how many buffers of each size class there are, and ever were, by type.
#pragma once

#include "shmtop/screen/list.hpp"
#include "shmtop/screen/screen_input.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

ListModel sizes_list(const ScreenInput& input, const UiState& state);

}  // namespace trackshm::tools
