// SPDX-License-Identifier: Apache-2.0
#include "common/truncation_guard.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "common/exit_code.hpp"

namespace trackshm::tools {
namespace {

std::string message;  // a handler has no other way to it

void explain(int signal, siginfo_t* info, void*) {
    if (info->si_code == BUS_ADRERR) {
        [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
        _exit(exit_failure);
    }
    std::signal(signal, SIG_DFL);
    std::raise(signal);  // it waits for this to return
}

}  // namespace

void guard_against_truncation(std::string_view program) {
    message = fmt::format("{}: a segment in /dev/shm was cut off by its owner while it was read; restart the aggregator\n",
                          program);
    struct sigaction action {};
    action.sa_sigaction = explain;
    action.sa_flags = static_cast<int>(SA_SIGINFO);
    sigaction(SIGBUS, &action, nullptr);
}

}  // namespace trackshm::tools
