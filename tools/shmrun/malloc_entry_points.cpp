// SPDX-License-Identifier: Apache-2.0
//
// libtrackshm_malloc.so: malloc and its relatives, as programs find them when this library is preloaded. operator new
// and delete come here through malloc and free.
#include <stdlib.h>

#include "shmrun/malloc_report.hpp"
#include "shmrun/next_allocator.hpp"

namespace {

using namespace trackshm::malloc_hooks;

bool product(std::size_t count, std::size_t size_bytes, std::size_t& total_bytes) noexcept {
    return !__builtin_mul_overflow(count, size_bytes, &total_bytes);
}

// A realloc of a block that exists.
void* resize(void* block, std::size_t size_bytes) noexcept {
    const auto old = reinterpret_cast<std::uintptr_t>(block);
    void* moved;
    {
        const MovingBlock moving(block);
        moved = call(next.realloc, block, size_bytes);
        const bool freed = moved != nullptr || size_bytes == 0;  // realloc(block, 0) frees
        if (!freed) {
            report_failed(size_bytes);
            return nullptr;
        }
        report_freed(old);
    }
    if (moved != nullptr) report_allocated(moved, size_bytes);
    return moved;
}

}  // namespace

#pragma GCC visibility push(default)

extern "C" {

void* malloc(std::size_t size_bytes) noexcept {
    if (is_off()) return call(next.malloc, size_bytes);
    return report_result(call(next.malloc, size_bytes), size_bytes, __builtin_return_address(0));
}

void* calloc(std::size_t count, std::size_t size_bytes) noexcept {
    if (is_off()) return call(next.calloc, count, size_bytes);
    void* const block = call(next.calloc, count, size_bytes);
    std::size_t total_bytes;
    if (!product(count, size_bytes, total_bytes)) total_bytes = SIZE_MAX;
    return report_result(block, total_bytes, __builtin_return_address(0));
}

void free(void* block) noexcept {
    if (is_from_arena(block)) [[unlikely]] return;
    if (is_off() || block == nullptr) return call(next.free, block);
    if (is_reported(__builtin_return_address(0))) report_freed(reinterpret_cast<std::uintptr_t>(block));
    call(next.free, block);
}

void* realloc(void* block, std::size_t size_bytes) noexcept {
    if (is_from_arena(block)) [[unlikely]] {
        return report_result(move_out_of_arena(block, size_bytes), size_bytes, __builtin_return_address(0));
    }
    if (is_off()) return call(next.realloc, block, size_bytes);
    if (block == nullptr) {
        return report_result(call(next.realloc, block, size_bytes), size_bytes, __builtin_return_address(0));
    }
    if (!is_reported(__builtin_return_address(0))) return call(next.realloc, block, size_bytes);
    return resize(block, size_bytes);
}

void* reallocarray(void* block, std::size_t count, std::size_t size_bytes) noexcept {
    std::size_t total_bytes;
    if (product(count, size_bytes, total_bytes)) return realloc(block, total_bytes);
    if (is_reported(__builtin_return_address(0))) report_failed(SIZE_MAX);
    errno = ENOMEM;
    return nullptr;
}

int posix_memalign(void** block, std::size_t alignment, std::size_t size_bytes) noexcept {
    if (is_off()) return call(next.posix_memalign, block, alignment, size_bytes);
    const int error = call(next.posix_memalign, block, alignment, size_bytes);
    if (error != EINVAL) report_result(error == 0 ? *block : nullptr, size_bytes, __builtin_return_address(0));
    return error;
}

void* aligned_alloc(std::size_t alignment, std::size_t size_bytes) noexcept {
    if (is_off()) return call(next.aligned_alloc, alignment, size_bytes);
    return report_result(call(next.aligned_alloc, alignment, size_bytes), size_bytes, __builtin_return_address(0));
}

void* memalign(std::size_t alignment, std::size_t size_bytes) noexcept {
    if (is_off()) return call(next.memalign, alignment, size_bytes);
    return report_result(call(next.memalign, alignment, size_bytes), size_bytes, __builtin_return_address(0));
}

void* valloc(std::size_t size_bytes) noexcept {
    if (is_off()) return call(next.valloc, size_bytes);
    return report_result(call(next.valloc, size_bytes), size_bytes, __builtin_return_address(0));
}

void* pvalloc(std::size_t size_bytes) noexcept {
    if (is_off()) return call(next.pvalloc, size_bytes);
    return report_result(call(next.pvalloc, size_bytes), size_bytes, __builtin_return_address(0));
}

}  // extern "C"

#pragma GCC visibility pop
