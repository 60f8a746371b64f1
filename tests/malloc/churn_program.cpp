// SPDX-License-Identifier: Apache-2.0
//
// One thread: 1000 blocks of 1..1000 bytes allocated and freed, one grown by realloc from 1 to 100 bytes, 10 leaked.
//
//   allocations  1000 + 100 + 10 = 1110
//   bytes        500500 + 5050 + 10 * 77 = 506320
//   frees        1000 + 100
//   leaked       10 blocks, 770 bytes
#include <stdlib.h>

int main() {
    void* blocks[1000];
    for (size_t i = 0; i < 1000; ++i) blocks[i] = malloc(i + 1);
    for (size_t i = 0; i < 1000; i += 2) free(blocks[i]);
    for (size_t i = 1; i < 1000; i += 2) free(blocks[i]);

    void* grown = nullptr;
    for (size_t size_bytes = 1; size_bytes <= 100; ++size_bytes) grown = realloc(grown, size_bytes);
    free(grown);

    for (int i = 0; i < 10; ++i) {
        if (malloc(77) == nullptr) return 1;
    }
    return 0;
}
