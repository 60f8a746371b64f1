// SPDX-License-Identifier: Apache-2.0
//
// Signals, while the terminal is not as others expect it: they arrive while the screen waits and at no other time. Those
// that are ignored when the program is started do not.
#pragma once

#include <signal.h>

#include <array>
#include <chrono>

namespace trackshm::tools {

class SignalWatch {
public:
    SignalWatch();
    ~SignalWatch();  // signals do again what they did before
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

    // Until a key, a signal or the end of the time. False if the terminal is gone.
    bool wait(std::chrono::nanoseconds duration) const;

    // The signal that asks the process to end, 0 while there is none.
    static int ending_signal();

    // Whether such a signal came since this was asked last.
    static bool was_asked_to_stop();  // SIGTSTP
    static bool was_continued();      // SIGCONT

    // Does what SIGTSTP does; returns once the process goes on.
    static void stop_process();

private:
    static constexpr std::array watched_ = {SIGTSTP, SIGCONT, SIGWINCH,
                                            // whose default action ends the process, crashes (crash_guard) aside
                                            SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM,
                                            SIGPROF, SIGXCPU, SIGIO, SIGPWR, SIGSTKFLT};

    std::array<struct sigaction, watched_.size()> previous_actions_{};
    sigset_t previous_mask_{};
};

}  // namespace trackshm::tools
