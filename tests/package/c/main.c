/* SPDX-License-Identifier: Apache-2.0
 *
 * A runtime in C11: every function of trackshm.h, and what it leaves live. Exits 0 if tracking behaved as the
 * environment asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trackshm/trackshm.h>

int main(void) {
    const char* asked = getenv("TRACKSHM");
    const bool expected = asked != NULL && strcmp(asked, "1") == 0;
    if (trackshm_enabled() != expected) {
        fprintf(stderr, "tracking is %s\n", expected ? "off, asked for on" : "on, asked for off");
        return EXIT_FAILURE;
    }

    trackshm_describe_device(3, "card three");
    trackshm_describe_memory(3, TRACKSHM_DRAM, UINT64_C(1) << 34);
    trackshm_report_allocation(3, 4096, TRACKSHM_DRAM, 0x1000);
    trackshm_report_allocation(3, 4096, TRACKSHM_L1, 0x1000);
    trackshm_report_allocation(4, 4096, TRACKSHM_DRAM, 0x2000);
    trackshm_report_allocation(5, 4096, TRACKSHM_DRAM, 0x3000);
    trackshm_report_allocation(TRACKSHM_HOST_DEVICE, 4096, TRACKSHM_HOST, 0x4000);
    trackshm_report_allocation_failure(3, UINT64_C(1) << 40, TRACKSHM_DRAM);
    trackshm_report_usage(3, TRACKSHM_CIRCULAR_BUFFER, 512);
    trackshm_report_deallocation_of(3, TRACKSHM_L1, 0x1000);
    trackshm_report_deallocation_on(3, 0x1000);
    trackshm_report_deallocation_all(0x2000);
    trackshm_report_deallocation(0x4000);
    trackshm_report_device_closed(5);

    const int result = trackshm_sync(10000);
    if (result != (expected ? TRACKSHM_SYNC_DONE : TRACKSHM_SYNC_OFF)) {
        fprintf(stderr, "trackshm_sync returned %d\n", result);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
