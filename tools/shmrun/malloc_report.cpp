// SPDX-License-Identifier: Apache-2.0
#include "shmrun/malloc_report.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "shm/event.hpp"

namespace trackshm::malloc_hooks {

constinit std::atomic<Tracking> tracking{Tracking::undecided};
constinit std::atomic<std::uint32_t> MovingBlock::marks[mark_count]{};

namespace {

// libtrackshm's own constructors allocate too (its C++ runtime's reserve for exceptions), from outside its hooks.
bool lies_in_libtrackshm(const void* code) noexcept {
    Dl_info caller{};
    Dl_info libtrackshm{};
    return dladdr(code, &caller) != 0 &&
           dladdr(reinterpret_cast<const void*>(&trackshm_enabled), &libtrackshm) != 0 &&
           caller.dli_fbase == libtrackshm.dli_fbase;
}

// This library depends on libtrackshm, so its constructor comes after libtrackshm's.
__attribute__((constructor)) void after_libtrackshm_constructors() {
    if (is_reported(nullptr)) tracking.store(Tracking::on, std::memory_order_relaxed);
}

// What libtrackshm allocates meanwhile it marks as its own.
void start_tracking() noexcept {
    if (!trackshm_enabled()) {
        tracking.store(Tracking::off, std::memory_order_relaxed);
        return;
    }
    trackshm_describe_device(TRACKSHM_HOST_DEVICE, "host");
    const shm::InternalCall internal;
    pthread_atfork(nullptr, nullptr, MovingBlock::forget_all);
    tracking.store(Tracking::starting, std::memory_order_relaxed);
}

}  // namespace

bool is_reported_at_start(const void* caller) noexcept {
    if (environ == nullptr) return false;  // before libc's constructor nobody can tell what the user wants
    if (tracking.load(std::memory_order_relaxed) == Tracking::undecided) start_tracking();
    return !is_off() && !lies_in_libtrackshm(caller);
}

void MovingBlock::forget_all() noexcept {
    for (Mark& mark : marks) mark.store(0, std::memory_order_relaxed);
}

// Bounded: the realloc under way may itself wait for a lock this thread holds (the dynamic loader's, should libtrackshm
// start its flusher there). Going on early can at worst miscount this one block.
void MovingBlock::wait(const Mark& mark) noexcept {
    constexpr int yields = 1000;
    constexpr int rests = 10'000;
    const int saved_errno = errno;
    for (int turn = 0; turn < yields + rests && mark.load(std::memory_order_acquire) != 0; ++turn) {
        if (turn < yields) {
            sched_yield();
        } else {
            const timespec rest{0, 50'000};
            nanosleep(&rest, nullptr);
        }
    }
    errno = saved_errno;
}

void report_failed(std::size_t size_bytes) noexcept {
    const std::size_t reported_bytes = size_bytes < shm::max_size_bytes ? size_bytes : shm::max_size_bytes;
    trackshm_report_allocation_failure(TRACKSHM_HOST_DEVICE, reported_bytes, TRACKSHM_HOST);
}

}  // namespace trackshm::malloc_hooks
