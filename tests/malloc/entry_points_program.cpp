// SPDX-License-Identifier: Apache-2.0
//
// Every way to get and give back memory, once; checks what came back.
//
//   allocations  13, bytes 100+200+300+400+500+600+700+800+900+1000+0+10+20 = 5530
//   frees        13, of which realloc did 3
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include <initializer_list>

namespace {

bool is_aligned(const void* block, uintptr_t alignment) {
    return block != nullptr && reinterpret_cast<uintptr_t>(block) % alignment == 0;
}

}  // namespace

int main() {
    void* a = malloc(100);
    unsigned char* b = static_cast<unsigned char*>(calloc(2, 100));
    for (int i = 0; i < 200; ++i) {
        if (b[i] != 0) return 1;
    }
    a = realloc(a, 300);                    // frees the 100
    void* c = reallocarray(nullptr, 4, 100);
    c = reallocarray(c, 5, 100);            // frees the 400
    void* d = nullptr;
    if (posix_memalign(&d, 256, 600) != 0 || !is_aligned(d, 256)) return 2;
    void* e = aligned_alloc(128, 700);
    if (!is_aligned(e, 128)) return 3;
    void* f = memalign(512, 800);
    if (!is_aligned(f, 512)) return 4;
    void* g = valloc(900);
    if (!is_aligned(g, 4096)) return 5;
    void* h = pvalloc(1000);
    if (!is_aligned(h, 4096)) return 6;
    void* zero = malloc(0);
    void* freed_by_realloc = malloc(10);
    if (realloc(freed_by_realloc, 0) != nullptr) return 7;
    void* from_realloc = realloc(nullptr, 20);

    errno = 0;
    if (reallocarray(from_realloc, SIZE_MAX, 16) != nullptr || errno != ENOMEM) return 8;
    if (calloc(SIZE_MAX, 16) != nullptr) return 9;
    if (posix_memalign(&d, 3, 8) != EINVAL) return 10;

    errno = 4711;
    free(nullptr);
    for (void* block : {a, static_cast<void*>(b), c, d, e, f, g, h, zero, from_realloc}) free(block);
    return errno == 4711 ? 0 : 11;
}
