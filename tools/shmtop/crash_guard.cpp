// SPDX-License-Identifier: Apache-2.0
#include "shmtop/crash_guard.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>

namespace trackshm::tools {
namespace {

constexpr std::array guarded_signals = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

// A handler has no other way to them.
termios modes;
std::array<char, 256> farewell_text;
std::size_t farewell_bytes = 0;
std::array<struct sigaction, guarded_signals.size()> previous_actions;
std::array<std::byte, 64 * 1024> stack;  // where the thread's own has run out

// Others use it while this process is stopped, or goes on in the background.
bool is_terminal_ours() {
    const pid_t foreground = tcgetpgrp(STDIN_FILENO);
    return foreground == -1 || foreground == getpgrp();
}

void give_terminal_back(int signal, siginfo_t* info, void*) {
    if (is_terminal_ours()) {
        [[maybe_unused]] const ssize_t sent = write(STDOUT_FILENO, farewell_text.data(), farewell_bytes);
        tcsetattr(STDIN_FILENO, TCSANOW, &modes);
    }
    const auto index = std::find(guarded_signals.begin(), guarded_signals.end(), signal) - guarded_signals.begin();
    sigaction(signal, &previous_actions[static_cast<std::size_t>(index)], nullptr);
    // A bus error comes again by itself, with its address. Any other is sent again, and waits for this to return.
    const bool comes_again = signal == SIGBUS && info->si_code > 0;
    if (!comes_again) std::raise(signal);
}

}  // namespace

CrashGuard::CrashGuard(const termios& modes_before, const std::string& farewell) {
    modes = modes_before;
    farewell_bytes = farewell.copy(farewell_text.data(), farewell_text.size());
    struct sigaction action {};
    action.sa_sigaction = give_terminal_back;
    action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK);
    const stack_t other_stack{.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
    sigaltstack(&other_stack, nullptr);
    for (std::size_t i = 0; i < guarded_signals.size(); ++i) {
        sigaction(guarded_signals[i], &action, &previous_actions[i]);
    }
}

CrashGuard::~CrashGuard() {
    for (std::size_t i = 0; i < guarded_signals.size(); ++i) {
        sigaction(guarded_signals[i], &previous_actions[i], nullptr);
    }
}

}  // namespace trackshm::tools
