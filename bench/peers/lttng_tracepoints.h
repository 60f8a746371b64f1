// SPDX-License-Identifier: Apache-2.0
//
// The two events that the hooks report, as LTTng-UST tracepoints: the same fields, nothing else. LTTng's headers
// include this file several times over, hence the guard of its own kind.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER trackshm_peer

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "lttng_tracepoints.h"

#if !defined(TRACKSHM_LTTNG_TRACEPOINTS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define TRACKSHM_LTTNG_TRACEPOINTS_H

#include <stdint.h>

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(
    trackshm_peer, allocation,
    LTTNG_UST_TP_ARGS(uint32_t, device_id, uint64_t, size_bytes, uint8_t, buffer_type, uint64_t, buffer_id),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint32_t, device_id, device_id)
        lttng_ust_field_integer(uint64_t, size_bytes, size_bytes)
        lttng_ust_field_integer(uint8_t, buffer_type, buffer_type)
        lttng_ust_field_integer(uint64_t, buffer_id, buffer_id)
    )
)

LTTNG_UST_TRACEPOINT_EVENT(
    trackshm_peer, deallocation,
    LTTNG_UST_TP_ARGS(uint64_t, buffer_id),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint64_t, buffer_id, buffer_id)
    )
)

#endif

#include <lttng/tracepoint-event.h>
