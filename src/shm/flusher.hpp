// SPDX-License-Identifier: Apache-2.0
//
// The thread that sends what a process coalesced when no hook of the process does. It lives only while the process
// coalesces, takes no signals and allocates nothing.
#pragma once

#include <pthread.h>

namespace trackshm::shm {

// Not thread-safe: the producer's mutex guards it. Never destroyed.
class Flusher {
public:
    using Work = void* (*)(void*);

    // Starts the thread unless it is running. Without one, the hooks that come along do its work.
    void ensure_running(Work work, void* argument) noexcept;
    // To be called by the thread as the last thing it does under the mutex.
    void note_end() noexcept { running_ = false; }

private:
    bool running_ = false;
    bool joinable_ = false;
    pthread_t thread_{};
    void* stack_ = nullptr;
};

}  // namespace trackshm::shm
