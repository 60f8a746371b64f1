// SPDX-License-Identifier: Apache-2.0
//
// The allocator behind the hooks: glibc's, or another one that is preloaded after this library.
//
// It is looked up with dlsym(RTLD_NEXT) at the first call, which comes before any constructor and any second thread.
// Until then the pointers below lead to functions that look it up first, so that the calls after it cost one indirect
// jump. What dlsym itself may allocate comes from a small arena and is never given back: handing it out of glibc's
// __libc_malloc instead would let a block of one allocator be freed by another one.
#pragma once

#include <stdlib.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace trackshm::malloc_hooks {

struct NextAllocator {
    template <class Function>
    using Pointer = std::atomic<Function*>;

    Pointer<void*(std::size_t)> malloc;
    Pointer<void*(std::size_t, std::size_t)> calloc;
    Pointer<void*(void*, std::size_t)> realloc;
    Pointer<void(void*)> free;
    Pointer<int(void**, std::size_t, std::size_t)> posix_memalign;
    Pointer<void*(std::size_t, std::size_t)> aligned_alloc;
    Pointer<void*(std::size_t, std::size_t)> memalign;
    Pointer<void*(std::size_t)> valloc;
    Pointer<void*(std::size_t)> pvalloc;
};

extern constinit NextAllocator next;

template <class Function, class... Arguments>
[[gnu::always_inline]] inline auto call(const std::atomic<Function*>& function, Arguments... arguments) noexcept {
    return function.load(std::memory_order_relaxed)(arguments...);
}

inline constexpr std::size_t arena_bytes = 16 * 1024;
extern constinit std::byte arena[arena_bytes];

inline bool is_from_arena(const void* block) noexcept {
    return reinterpret_cast<std::uintptr_t>(block) - reinterpret_cast<std::uintptr_t>(arena) < arena_bytes;
}

// A block of the arena that is to grow: it moves to the real allocator.
void* move_out_of_arena(void* block, std::size_t size_bytes) noexcept;

}  // namespace trackshm::malloc_hooks
