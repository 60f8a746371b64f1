// SPDX-License-Identifier: Apache-2.0
//
// 16 threads hand blocks to each other through a table: each takes what it finds there, grows or frees it, and leaves a
// new one. Addresses are reused across threads all the time; nothing is leaked.
#include <pthread.h>
#include <stdlib.h>

#include <atomic>

namespace {

constexpr unsigned thread_count = 16;
constexpr unsigned rounds = 20'000;
constexpr unsigned places = 64;

std::atomic<void*> table[places];

void* work(void* number) {
    unsigned random = static_cast<unsigned>(reinterpret_cast<uintptr_t>(number)) * 2654435761u + 1;
    for (unsigned round = 0; round < rounds; ++round) {
        random = random * 1664525u + 1013904223u;
        const size_t size_bytes = 16 + (random >> 8) % 2000;
        void* block = malloc(size_bytes);
        if ((random & 0x10000) != 0) block = realloc(block, size_bytes * 3);
        void* const found = table[(random >> 20) % places].exchange(block, std::memory_order_acq_rel);
        if ((random & 0x20000) != 0) {
            free(realloc(found, size_bytes + 1));
        } else {
            free(found);
        }
    }
    return nullptr;
}

}  // namespace

int main() {
    pthread_t threads[thread_count];
    for (uintptr_t i = 0; i < thread_count; ++i) {
        if (pthread_create(&threads[i], nullptr, work, reinterpret_cast<void*>(i)) != 0) return 1;
    }
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
    for (std::atomic<void*>& place : table) free(place.load());
    return 0;
}
