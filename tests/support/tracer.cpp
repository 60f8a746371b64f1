// SPDX-License-Identifier: Apache-2.0
#include "support/tracer.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace trackshm::test {

namespace {

constexpr int system_call_signal = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD

}  // namespace

bool Tracer::is_possible() {
    const pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    const bool seized = ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0;
    kill(child, SIGKILL);
    waitpid(child, nullptr, __WALL);
    return seized;
}

Tracer::Tracer(pid_t thread) : thread_(thread) {
    if (ptrace(PTRACE_SEIZE, thread, nullptr, PTRACE_O_TRACESYSGOOD) != 0) throw std::runtime_error("cannot trace");
}

// Fails where it was killed meanwhile: then there is nothing to let go.
Tracer::~Tracer() {
    if (stopped_) ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
}

void Tracer::interrupt() { ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr); }
bool Tracer::run_to_trap() { return resume(PTRACE_CONT) == Stop::trap; }
bool Tracer::step() { return resume(PTRACE_SINGLESTEP) == Stop::stepped; }
bool Tracer::run_to_system_call() { return resume(PTRACE_SYSCALL) == Stop::system_call; }

Tracer::Stop Tracer::resume(int request) {
    std::uintptr_t signal = 0;  // one that is not ours goes on to the thread
    for (;;) {
        if (stopped_) ptrace(static_cast<__ptrace_request>(request), thread_, nullptr, signal);
        stopped_ = false;
        if (has_ended()) return Stop::ended;
        int status = 0;
        waitpid(thread_, &status, __WALL);
        stopped_ = true;
        const bool is_event = status >> 16 != 0;
        const int stop_signal = WSTOPSIG(status);
        if (stop_signal == system_call_signal) return Stop::system_call;
        if (stop_signal == SIGTRAP && !is_event) {
            siginfo_t info{};
            ptrace(PTRACE_GETSIGINFO, thread_, nullptr, &info);
            return info.si_code == SI_KERNEL ? Stop::trap : Stop::stepped;
        }
        signal = is_event ? 0 : static_cast<std::uintptr_t>(stop_signal);
    }
}

// Waits until it stops or ends. One that ended is left for its Child to wait for.
bool Tracer::has_ended() const {
    siginfo_t look{};
    while (waitid(P_PID, static_cast<id_t>(thread_), &look, WEXITED | WSTOPPED | WNOWAIT | __WALL) != 0) {
        if (errno != EINTR) throw std::runtime_error("cannot wait for the traced thread");
    }
    return look.si_code == CLD_EXITED || look.si_code == CLD_KILLED || look.si_code == CLD_DUMPED;
}

}  // namespace trackshm::test
