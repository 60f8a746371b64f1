// SPDX-License-Identifier: Apache-2.0
//
// Where the settings are kept: $XDG_CONFIG_HOME/trackshm/shmtoprc, else ~/.config/trackshm/shmtoprc.
#pragma once

#include <string>

#include "shmtop/screen/settings.hpp"

namespace trackshm::tools {

// Empty where neither variable names a directory.
std::string settings_path();

// The defaults where there is no such file. One that cannot be used is not: then `problem` is one line that says why.
Settings load_settings(const std::string& path, std::string& problem);

// Readers see the old file or the new one. False, with `problem` set, if it cannot be written.
bool save_settings(const std::string& path, const Settings& settings, std::string& problem);

}  // namespace trackshm::tools
