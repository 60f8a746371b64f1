// SPDX-License-Identifier: Apache-2.0
//
// Gives the terminal back when the program crashes: nothing is unwound then, and curses cannot be called.
#pragma once

#include <termios.h>

#include <string>

namespace trackshm::tools {

// One at a time.
class CrashGuard {
public:
    // The terminal gets back the modes it had before, and is sent the farewell.
    CrashGuard(const termios& modes_before, const std::string& farewell);
    ~CrashGuard();  // signals do again what they did before, as they do once the terminal is given back
    CrashGuard(const CrashGuard&) = delete;
    CrashGuard& operator=(const CrashGuard&) = delete;
};

}  // namespace trackshm::tools
