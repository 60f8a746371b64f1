// SPDX-License-Identifier: Apache-2.0
//
// Exited: how processes ended, and what they had not freed.
#pragma once

#include "shmtop/screen/list.hpp"
#include "shmtop/screen/screen_input.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

ListModel exited_list(const ScreenInput& input, const UiState& state);

}  // namespace trackshm::tools
