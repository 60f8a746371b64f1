// SPDX-License-Identifier: Apache-2.0
//
// Devices: a line per memory, a graph of the past per device, and what is known about the chosen one.
#pragma once

#include <cstddef>
#include <vector>

#include "shmtop/screen/graph.hpp"
#include "shmtop/screen/list.hpp"
#include "shmtop/screen/panel.hpp"
#include "shmtop/screen/screen_input.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

ListModel devices_list(const ScreenInput& input, const UiState& state);

// About the device in whose row `id` is.
Panel device_panel(const ScreenInput& input, const UiState& state, const std::string& id);

// As many graphs as asked for, of devices one after the other in the order of the list, the one of `id` among them; each
// `columns` wide.
std::vector<Graph> device_graphs(const ScreenInput& input, const UiState& state, const ListModel& model,
                                 const std::string& id, std::size_t count, std::size_t columns);

}  // namespace trackshm::tools
