// SPDX-License-Identifier: Apache-2.0
#include "shmrun/next_allocator.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "shm/internal_call.hpp"

namespace trackshm::malloc_hooks {

alignas(std::max_align_t) constinit std::byte arena[arena_bytes];

namespace {

constexpr std::size_t alignment = alignof(std::max_align_t);

// No atomics: all of this happens before there is a second thread.
constinit bool looking_up = false;
constinit std::size_t arena_used_bytes = 0;

void* allocate_from_arena(std::size_t size_bytes) noexcept {
    if (size_bytes > arena_bytes - arena_used_bytes) {
        errno = ENOMEM;
        return nullptr;
    }
    std::byte* const block = arena + arena_used_bytes;
    arena_used_bytes += (size_bytes + alignment - 1) / alignment * alignment;
    if (arena_used_bytes > arena_bytes) arena_used_bytes = arena_bytes;
    return block;
}

template <class Function>
Function* look_up(const NextAllocator::Pointer<Function>& first, const char* name) noexcept {
    void* const symbol = dlsym(RTLD_NEXT, name);
    return symbol != nullptr ? reinterpret_cast<Function*>(symbol) : first.load(std::memory_order_relaxed);
}

// False if this is a call from within the look-up. The pointers change all at once, at its end: what is allocated
// meanwhile comes from the arena alone.
bool look_up_all() noexcept {
    if (looking_up) return false;
    looking_up = true;
    const shm::InternalCall internal;
    const auto malloc = look_up(next.malloc, "malloc");
    const auto calloc = look_up(next.calloc, "calloc");
    const auto realloc = look_up(next.realloc, "realloc");
    const auto free = look_up(next.free, "free");
    const auto posix_memalign = look_up(next.posix_memalign, "posix_memalign");
    const auto aligned_alloc = look_up(next.aligned_alloc, "aligned_alloc");
    const auto memalign = look_up(next.memalign, "memalign");
    const auto valloc = look_up(next.valloc, "valloc");
    const auto pvalloc = look_up(next.pvalloc, "pvalloc");
    next.malloc.store(malloc, std::memory_order_relaxed);
    next.calloc.store(calloc, std::memory_order_relaxed);
    next.realloc.store(realloc, std::memory_order_relaxed);
    next.free.store(free, std::memory_order_relaxed);
    next.posix_memalign.store(posix_memalign, std::memory_order_relaxed);
    next.aligned_alloc.store(aligned_alloc, std::memory_order_relaxed);
    next.memalign.store(memalign, std::memory_order_relaxed);
    next.valloc.store(valloc, std::memory_order_relaxed);
    next.pvalloc.store(pvalloc, std::memory_order_relaxed);
    looking_up = false;
    return true;
}

// Where the pointers lead at first. glibc has every one of these functions, so a look-up never leaves one in place.
void* first_malloc(std::size_t size_bytes) {
    return look_up_all() ? call(next.malloc, size_bytes) : allocate_from_arena(size_bytes);
}

void* first_calloc(std::size_t count, std::size_t size_bytes) {
    if (look_up_all()) return call(next.calloc, count, size_bytes);
    std::size_t total_bytes;
    if (__builtin_mul_overflow(count, size_bytes, &total_bytes)) total_bytes = arena_bytes + 1;
    return allocate_from_arena(total_bytes);  // nothing there is ever used twice: it is zero
}

void* first_realloc(void* block, std::size_t size_bytes) {
    return look_up_all() ? call(next.realloc, block, size_bytes) : allocate_from_arena(size_bytes);
}

void first_free(void* block) {
    if (look_up_all()) call(next.free, block);
}

int first_posix_memalign(void** block, std::size_t boundary, std::size_t size_bytes) {
    return look_up_all() ? call(next.posix_memalign, block, boundary, size_bytes) : ENOMEM;
}

void* first_aligned_alloc(std::size_t boundary, std::size_t size_bytes) {
    return look_up_all() ? call(next.aligned_alloc, boundary, size_bytes) : nullptr;
}

void* first_memalign(std::size_t boundary, std::size_t size_bytes) {
    return look_up_all() ? call(next.memalign, boundary, size_bytes) : nullptr;
}

void* first_valloc(std::size_t size_bytes) { return look_up_all() ? call(next.valloc, size_bytes) : nullptr; }

void* first_pvalloc(std::size_t size_bytes) { return look_up_all() ? call(next.pvalloc, size_bytes) : nullptr; }

}  // namespace

constinit NextAllocator next{first_malloc,         first_calloc,        first_realloc, first_free,
                             first_posix_memalign, first_aligned_alloc, first_memalign, first_valloc,
                             first_pvalloc};

void* move_out_of_arena(void* block, std::size_t size_bytes) noexcept {
    void* const moved = call(next.malloc, size_bytes);
    if (moved == nullptr) return nullptr;
    // How long it was is not known; what follows it in the arena may be copied along.
    const auto rest_bytes = static_cast<std::size_t>(arena + arena_bytes - static_cast<std::byte*>(block));
    return memcpy(moved, block, size_bytes < rest_bytes ? size_bytes : rest_bytes);
}

}  // namespace trackshm::malloc_hooks
