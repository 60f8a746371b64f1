// SPDX-License-Identifier: Apache-2.0
//
// An allocator straight from the kernel, for the little the library allocates inside the tracked process: the host's
// malloc may be locked, hooked or the very thing being tracked.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace trackshm::shm {

template <class T>
struct MappedAllocator {
    using value_type = T;

    MappedAllocator() noexcept = default;
    template <class U>
    MappedAllocator(const MappedAllocator<U>&) noexcept {}

    T* allocate(std::size_t count) {
        void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t count) noexcept { munmap(memory, count * sizeof(T)); }

    friend bool operator==(const MappedAllocator&, const MappedAllocator&) noexcept { return true; }
};

}  // namespace trackshm::shm
