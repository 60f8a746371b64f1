// SPDX-License-Identifier: Apache-2.0
#include "shmtop/signal_watch.hpp"

#include <poll.h>
#include <unistd.h>

#include <csignal>

namespace trackshm::tools {
namespace {

volatile std::sig_atomic_t ending = 0;
volatile std::sig_atomic_t stopping = 0;
volatile std::sig_atomic_t continued = 0;

void remember(int signal) {
    switch (signal) {
        case SIGTSTP: stopping = 1; break;
        case SIGCONT: continued = 1; break;
        case SIGWINCH: break;  // that the wait ended is enough: sizes are asked for before each picture
        default: ending = signal;
    }
}

bool taken(volatile std::sig_atomic_t& flag) {
    const bool was_set = flag != 0;
    flag = 0;
    return was_set;
}

}  // namespace

SignalWatch::SignalWatch() {
    struct sigaction action {};
    action.sa_handler = remember;
    sigset_t blocked;
    sigemptyset(&blocked);
    for (std::size_t i = 0; i < watched_.size(); ++i) {
        sigaction(watched_[i], &action, &previous_actions_[i]);
        // What whoever started this had ignored, as nohup does, stays so.
        const bool is_ignored = previous_actions_[i].sa_handler == SIG_IGN;
        if (is_ignored) sigaction(watched_[i], &previous_actions_[i], nullptr);
        if (!is_ignored) sigaddset(&blocked, watched_[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &previous_mask_);
}

SignalWatch::~SignalWatch() {
    for (std::size_t i = 0; i < watched_.size(); ++i) sigaction(watched_[i], &previous_actions_[i], nullptr);
    sigprocmask(SIG_SETMASK, &previous_mask_, nullptr);
}

bool SignalWatch::wait(std::chrono::nanoseconds duration) const {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
    const timespec timeout{seconds.count(), (duration - seconds).count()};
    const int ready = ppoll(&input, 1, &timeout, &previous_mask_);
    return ready <= 0 || (input.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

int SignalWatch::ending_signal() { return ending; }
bool SignalWatch::was_asked_to_stop() { return taken(stopping); }
bool SignalWatch::was_continued() { return taken(continued); }

void SignalWatch::stop_process() {
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    struct sigaction ours {};
    sigaction(SIGTSTP, &by_default, &ours);
    std::raise(SIGTSTP);
    // Blocked until here, it stops the process now, and this returns when the process goes on.
    sigset_t stop_signal;
    sigemptyset(&stop_signal);
    sigaddset(&stop_signal, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop_signal, nullptr);
    sigprocmask(SIG_BLOCK, &stop_signal, nullptr);
    sigaction(SIGTSTP, &ours, nullptr);
}

}  // namespace trackshm::tools
