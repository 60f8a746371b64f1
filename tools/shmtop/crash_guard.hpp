// SPDX-License-Identifier: Apache-2.0
//
// Gives the terminal back when the program crashes: nothing is unwound then, and curses cannot be called.
#pragma once

#include <termios.h>

#include <array>
#include <csignal>
#include <string>

namespace trackshm::tools {

class CrashGuard {
public:
    // The terminal gets back the modes it had before, and is sent the farewell.
    CrashGuard(const termios& modes_before, const std::string& farewell);
    ~CrashGuard();  // signals do again what they did before
    CrashGuard(const CrashGuard&) = delete;
    CrashGuard& operator=(const CrashGuard&) = delete;

private:
    static constexpr std::array guarded_ = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

    std::array<struct sigaction, guarded_.size()> previous_actions_{};
};

}  // namespace trackshm::tools
