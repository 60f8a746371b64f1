// SPDX-License-Identifier: Apache-2.0
//
// A tracked process whose segment becomes a fuzzer's first input: reports a little, says so, and waits for its input's end.
#include <trackshm/trackshm.h>

#include <cstdint>
#include <cstdio>
#include <thread>

int main() {
    trackshm_describe_device(1, "fuzzed");
    for (std::uint64_t id = 0; id < 20; ++id) trackshm_report_allocation(1, 4096, 0, id);
    std::thread([] {
        for (std::uint64_t id = 10; id < 30; ++id) trackshm_report_allocation(2, 64, 1, id);
        trackshm_report_deallocation(12);
    }).join();
    std::puts("ready");
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
}
