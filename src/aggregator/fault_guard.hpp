// SPDX-License-Identifier: Apache-2.0
//
// Survives SIGBUS: a tracked process that truncates its own segment must cost itself its tracking, not us our life.
#pragma once

#include <csetjmp>

namespace trackshm::aggregator {

// Installs the SIGBUS handler. Once, before the first guarded access.
void install_fault_guard() noexcept;

namespace detail {
extern thread_local sigjmp_buf* fault_return;
}

// Runs `access`; false if it faulted half-way. It must hold nothing with a destructor across a touch of foreign memory:
// the way out is a jump.
template <class Access>
bool survives(Access&& access) noexcept {
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) {
        detail::fault_return = nullptr;
        return false;
    }
    detail::fault_return = &here;
    access();
    detail::fault_return = nullptr;
    return true;
}

}  // namespace trackshm::aggregator
