// SPDX-License-Identifier: Apache-2.0
//
// What the malloc hooks tell libtrackshm: blocks of host memory, id = address, size = the size asked for.
//
// The order rule (report an allocation after the allocator returned it, a deallocation before the allocator gets
// it back) leaves realloc without a place to report the end of the old block: before the call it is too early, since a
// realloc that fails leaves the block alive and its requested size is not known here; after the call it is too late,
// since another thread may have got the same address and reported it. So realloc reports afterwards, and marks the
// address as moving meanwhile:
//
//   thread A: realloc(p)                                 thread B: malloc
//   A1 mark p as moving
//   A2 the allocator's realloc, which frees p       -->  B1 the allocator's malloc returns p
//   A3 report: p freed                                   B2 p is moving? then wait
//   A4 unmark p                                     -->  B3 report: p allocated
//
// B1 got p from A2, so it is ordered after A1 and B2 sees the mark. In a process with one thread there is no mark.
#pragma once

#include <errno.h>
#include <stdint.h>
#include <sys/single_threaded.h>
#include <trackshm/trackshm.h>

#include <atomic>
#include <cstddef>

#include "shm/internal_call.hpp"

namespace trackshm::malloc_hooks {

// undecided until the first call that can tell; starting until the libraries' constructors are over.
enum class Tracking : unsigned { undecided, starting, on, off };
extern constinit std::atomic<Tracking> tracking;

inline bool is_off() noexcept { return tracking.load(std::memory_order_relaxed) == Tracking::off; }

// The long way of is_reported(), while tracking is undecided or starting.
bool is_reported_at_start(const void* caller) noexcept;

// Whether what this thread does now is to be reported. `caller` is where the allocator was called from.
[[gnu::always_inline]] inline bool is_reported(const void* caller) noexcept {
    if (trackshm_internal_calls != 0) return false;
    return tracking.load(std::memory_order_relaxed) == Tracking::on || is_reported_at_start(caller);
}

// Marks of moving addresses. Addresses share marks; then one thread may wait for a realloc that is none of its business.
class MovingBlock {
public:
    explicit MovingBlock(const void* block) noexcept : mark_(__libc_single_threaded ? nullptr : &mark_of(block)) {
        if (mark_ != nullptr) mark_->fetch_add(1, std::memory_order_relaxed);  // ordered by the allocator: see above
    }
    ~MovingBlock() {
        if (mark_ != nullptr) mark_->fetch_sub(1, std::memory_order_release);  // acquired by wait_until_settled
    }
    MovingBlock(const MovingBlock&) = delete;
    MovingBlock& operator=(const MovingBlock&) = delete;

    static void wait_until_settled(const void* block) noexcept {
        if (mark_of(block).load(std::memory_order_acquire) != 0) [[unlikely]] wait(mark_of(block));
    }
    // In a forked child: the threads that were moving blocks do not exist there.
    static void forget_all() noexcept;

private:
    using Mark = std::atomic<std::uint32_t>;
    static constexpr std::size_t mark_count = 256;

    static Mark& mark_of(const void* block) noexcept {
        const auto address = reinterpret_cast<std::uintptr_t>(block);
        return marks[(address >> 4 ^ address >> 12) % mark_count];
    }
    static void wait(const Mark& mark) noexcept;

    static constinit Mark marks[mark_count];
    Mark* const mark_;
};

[[gnu::always_inline]] inline void report_allocated(const void* block, std::size_t size_bytes) noexcept {
    MovingBlock::wait_until_settled(block);
    trackshm_report_allocation(TRACKSHM_HOST_DEVICE, size_bytes, TRACKSHM_HOST, reinterpret_cast<std::uintptr_t>(block));
}

// Exactly this entry: the program's own device buffers may have the same id.
[[gnu::always_inline]] inline void report_freed(std::uintptr_t block) noexcept {
    trackshm_report_deallocation_of(TRACKSHM_HOST_DEVICE, TRACKSHM_HOST, block);
}

void report_failed(std::size_t size_bytes) noexcept;

// After an allocator's function: reports what it returned, and returns it.
[[gnu::always_inline]] inline void* report_result(void* block, std::size_t size_bytes, const void* caller) noexcept {
    if (!is_reported(caller)) return block;
    if (block == nullptr) [[unlikely]] {
        report_failed(size_bytes);
    } else {
        report_allocated(block, size_bytes);
    }
    return block;
}

}  // namespace trackshm::malloc_hooks
