// SPDX-License-Identifier: Apache-2.0
//
// The parent holds 100 blocks of 10 bytes to its end. Its child frees 40 of them, which it never reported, and leaks 5
// blocks of 20 bytes of its own.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main() {
    void* blocks[100];
    for (void*& block : blocks) block = malloc(10);
    const pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
        for (int i = 0; i < 40; ++i) free(blocks[i]);
        for (int i = 0; i < 5; ++i) {
            if (malloc(20) == nullptr) return 1;
        }
        return 0;
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : 2;
}
