// SPDX-License-Identifier: Apache-2.0
//
// liblttng_peer.so: the tracepoints behind a library boundary like the hooks'. A module, loaded only by the process
// that measures it: LTTng-UST starts threads in every process that links it.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_tracepoints.h"

void lttng_peer_allocation(uint32_t device_id, uint64_t size_bytes, uint8_t buffer_type, uint64_t buffer_id) {
    lttng_ust_tracepoint(trackshm_peer, allocation, device_id, size_bytes, buffer_type, buffer_id);
}

void lttng_peer_deallocation(uint64_t buffer_id) { lttng_ust_tracepoint(trackshm_peer, deallocation, buffer_id); }
