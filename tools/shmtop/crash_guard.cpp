// SPDX-License-Identifier: Apache-2.0
#include "shmtop/crash_guard.hpp"

#include <unistd.h>

namespace trackshm::tools {
namespace {

// A handler has no other way to them.
termios modes;
std::array<char, 256> farewell_text;
std::size_t farewell_bytes = 0;

// Others use it while this process is stopped, or goes on in the background.
bool is_terminal_ours() {
    const pid_t foreground = tcgetpgrp(STDIN_FILENO);
    return foreground == -1 || foreground == getpgrp();
}

void give_terminal_back(int signal) {
    if (is_terminal_ours()) {
        [[maybe_unused]] const ssize_t sent = write(STDOUT_FILENO, farewell_text.data(), farewell_bytes);
        tcsetattr(STDIN_FILENO, TCSANOW, &modes);
    }
    std::raise(signal);  // with its action by default again; it waits for this to return
}

}  // namespace

CrashGuard::CrashGuard(const termios& modes_before, const std::string& farewell) {
    modes = modes_before;
    farewell_bytes = farewell.copy(farewell_text.data(), farewell_text.size());
    struct sigaction action {};
    action.sa_handler = give_terminal_back;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (std::size_t i = 0; i < guarded_.size(); ++i) sigaction(guarded_[i], &action, &previous_actions_[i]);
}

CrashGuard::~CrashGuard() {
    for (std::size_t i = 0; i < guarded_.size(); ++i) sigaction(guarded_[i], &previous_actions_[i], nullptr);
}

}  // namespace trackshm::tools
