// SPDX-License-Identifier: Apache-2.0
//
// A program whose own malloc reports what it hands out, and asks whether it is tracked first: also while libtrackshm
// itself allocates. Prints "ok" and how often it did.
#include <atomic>
#include <cstdint>
#include <cstdio>

#include <trackshm/trackshm.h>

extern "C" void* __libc_malloc(std::size_t bytes);

namespace {

constexpr std::uint32_t device = 7;
constexpr std::uint32_t no_device = 70000;

constinit std::atomic<std::uint64_t> reported{0};

}  // namespace

extern "C" void* malloc(std::size_t bytes) {
    void* const block = __libc_malloc(bytes);
    trackshm_report_allocation(no_device, bytes, TRACKSHM_HOST, 1);  // rejected
    trackshm_describe_device(device, "own");
    trackshm_sync(0);
    if (!trackshm_enabled()) return block;
    trackshm_report_allocation(device, bytes, TRACKSHM_HOST, reinterpret_cast<std::uintptr_t>(block));
    ++reported;
    return block;
}

int main() {
    trackshm_sync(20000);
    std::printf("ok %lu\n", reported.load());  // into a buffer it has asked malloc for
    std::fflush(stdout);
    std::getchar();
    return 0;
}
