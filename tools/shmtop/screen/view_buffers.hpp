// SPDX-License-Identifier: Apache-2.0
//
// Buffers: the largest live ones.
#pragma once

#include "shmtop/screen/list.hpp"
#include "shmtop/screen/screen_input.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

ListModel buffers_list(const ScreenInput& input, const UiState& state);

}  // namespace trackshm::tools
