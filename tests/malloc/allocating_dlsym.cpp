// SPDX-License-Identifier: Apache-2.0
//
// A dlsym that allocates, grows and frees, as older C libraries' did. What it keeps is given back at exit, when the
// allocator has long been found.
#include <dlfcn.h>
#include <stdlib.h>

namespace {

void* kept = nullptr;

__attribute__((destructor)) void give_back() { free(realloc(kept, 100)); }

}  // namespace

extern "C" __attribute__((visibility("default"))) void* dlsym(void* handle, const char* name) {
    using Dlsym = void* (*)(void*, const char*);
    const auto real = reinterpret_cast<Dlsym>(dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34"));
    unsigned char* const block = static_cast<unsigned char*>(calloc(4, 8));
    for (int i = 0; i < 32; ++i) {
        if (block[i] != 0) abort();
    }
    if (kept == nullptr) {
        kept = block;
    } else {
        free(block);
    }
    return real(handle, name);
}
