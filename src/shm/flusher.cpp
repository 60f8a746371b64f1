// SPDX-License-Identifier: Apache-2.0
#include "shm/flusher.hpp"

#include <signal.h>
#include <sys/mman.h>

#include <cstddef>

namespace trackshm::shm {
namespace {

constexpr std::size_t stack_bytes = 512 * 1024;  // touched: a few pages

}  // namespace

void Flusher::ensure_running(Work work, void* argument) noexcept {
    if (running_) return;
    // The stack is ours and the thread is joined, because libc would keep a detached thread's stack, with memory it
    // allocated on our behalf, for the program's next thread: a malloc hook would see it freed and never allocated.
    if (joinable_) pthread_join(thread_, nullptr);  // it has left the mutex: a few instructions are all it has to go
    joinable_ = false;
    if (stack_ == nullptr) {
        void* memory = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (memory == MAP_FAILED) return;
        stack_ = memory;
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack_, stack_bytes);
    running_ = joinable_ = pthread_create(&thread_, &attributes, work, argument) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace trackshm::shm
