// SPDX-License-Identifier: Apache-2.0
//
// The two menus: options (F2) and what to sort by (F6).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "shmtop/screen/settings.hpp"

namespace trackshm::tools {

struct MenuItem {
    std::string name;
    std::string value;
};

struct Menu {
    std::string title;
    std::vector<MenuItem> items;
    std::string keys;  // what can be pressed
};

Menu options_menu(const Settings& settings, ViewId view);
Menu sort_menu(const Settings& settings, ViewId view);

// The value of an item of the options, one step up or down.
void change_option(Settings& settings, ViewId view, std::size_t item, std::ptrdiff_t step);

}  // namespace trackshm::tools
