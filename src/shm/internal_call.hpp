// SPDX-License-Identifier: Apache-2.0
//
// Marks a thread that runs the library's own code, beyond the short way of a hook. What is allocated meanwhile is not
// the program's, and reporting it would come back to a mutex this very thread may hold: malloc hooks pass it through.
// Nor is the thread cancelled meanwhile: the system calls made here are cancellation points, and to unwind from them
// would end the program.
#pragma once

#include <pthread.h>

// How many such calls this thread is in. Exported for the malloc hooks (tools/shmrun), and no part of the public API.
// initial-exec: reaching it never allocates.
extern "C" __attribute__((visibility("default"), tls_model("initial-exec"))) thread_local constinit unsigned
    trackshm_internal_calls;

namespace trackshm::shm {

class InternalCall {
public:
    InternalCall() noexcept {
        ++trackshm_internal_calls;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
    }
    ~InternalCall() {
        pthread_setcancelstate(cancel_state_, nullptr);
        --trackshm_internal_calls;
    }
    InternalCall(const InternalCall&) = delete;
    InternalCall& operator=(const InternalCall&) = delete;

private:
    int cancel_state_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace trackshm::shm
