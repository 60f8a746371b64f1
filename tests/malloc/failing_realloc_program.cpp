// SPDX-License-Identifier: Apache-2.0
//
// Reallocs that fail leave their blocks as they were: 1001 and 200003 bytes, leaked. With the argument "threads" a
// second thread is running meanwhile.
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

void* wait_for_end(void*) {
    for (;;) pause();
}

bool fails(void* block, size_t size_bytes) {
    errno = 0;
    return realloc(block, size_bytes) == nullptr && errno == ENOMEM;
}

}  // namespace

int main(int argc, char** argv) {
    pthread_t thread;
    if (argc > 1 && strcmp(argv[1], "threads") == 0 && pthread_create(&thread, nullptr, wait_for_end, nullptr) != 0) {
        return 1;
    }
    void* small = malloc(1001);
    void* large = malloc(200003);
    if (!fails(small, SIZE_MAX) || !fails(large, SIZE_MAX / 2)) return 2;

    const rlimit limit{size_t{1} << 30, size_t{1} << 30};
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 3;
    return fails(small, size_t{4} << 30) && fails(large, size_t{4} << 30) ? 0 : 4;
}
