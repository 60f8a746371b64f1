// SPDX-License-Identifier: Apache-2.0
//
// Processes: what each holds, and where.
#pragma once

#include <string>

#include "shmtop/screen/list.hpp"
#include "shmtop/screen/panel.hpp"
#include "shmtop/screen/screen_input.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

ListModel processes_list(const ScreenInput& input, const UiState& state);

// About the process in whose row `id` is.
Panel process_panel(const ScreenInput& input, const UiState& state, const std::string& id);

}  // namespace trackshm::tools
