// SPDX-License-Identifier: Apache-2.0
//
// 100 threads, each of which allocates and frees in the destructors of its thread-local data, four rounds of them: also
// after libtrackshm's own destructor has run for the thread. Nothing is leaked but what the last thread's end allocates:
// 100 blocks of 33 bytes.
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

namespace {

pthread_key_t key;

struct Held {
    int round;
};

void destroy(void* value) {
    Held* const held = static_cast<Held*>(value);
    if (held->round == PTHREAD_DESTRUCTOR_ITERATIONS - 1) {
        free(held);
        if (malloc(33) == nullptr) abort();
        return;
    }
    Held* const next = static_cast<Held*>(malloc(sizeof(Held)));
    next->round = held->round + 1;
    free(held);
    pthread_setspecific(key, next);
}

void* work(void*) {
    Held* const held = static_cast<Held*>(calloc(1, sizeof(Held)));
    pthread_setspecific(key, held);
    return nullptr;
}

}  // namespace

int main() {
    if (pthread_key_create(&key, destroy) != 0) return 1;
    for (int i = 0; i < 100; ++i) {
        pthread_t thread;
        if (pthread_create(&thread, nullptr, work, nullptr) != 0) return 2;
        pthread_join(thread, nullptr);
    }
    return 0;
}
