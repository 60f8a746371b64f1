// SPDX-License-Identifier: Apache-2.0
//
// What each key does.
#pragma once

#include <cstddef>

#include "shmtop/screen/key.hpp"
#include "shmtop/screen/list.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

// What is to be done beyond the state.
enum class Effect { none, quit, save_settings, seek_back, seek_on, slower, faster, pause_changed };

// What the keys act on: the list as it was drawn.
struct KeyContext {
    const ListModel& model;
    std::size_t page_rows;
    bool can_seek;
};

Effect handle_key(const Key& key, const KeyContext& context, UiState& state);

}  // namespace trackshm::tools
