// SPDX-License-Identifier: Apache-2.0
#include "aggregator/fault_guard.hpp"

#include <signal.h>

namespace trackshm::aggregator {

thread_local sigjmp_buf* detail::fault_return = nullptr;

namespace {

void on_fault(int signal) {
    if (detail::fault_return != nullptr) siglongjmp(*detail::fault_return, 1);
    // Not ours to survive: the default action, on return to the faulting instruction.
    ::signal(signal, SIG_DFL);
}

}  // namespace

void install_fault_guard() noexcept {
    struct sigaction action {};
    action.sa_handler = on_fault;
    action.sa_flags = SA_NODEFER;  // the jump leaves the handler without a return that would unblock the signal
    sigaction(SIGBUS, &action, nullptr);
}

}  // namespace trackshm::aggregator
