// SPDX-License-Identifier: Apache-2.0
//
// What the store trap (store_trap.cpp) and the test that preloads it agree on.
#pragma once

#include <cstdint>

namespace trackshm::test {

// Number of the point, from 1, before which the aggregator dies. Unset or 0: it lives.
inline constexpr const char* die_at_variable = "STORE_TRAP_DIE_AT";
// A file that gets a PointRecord for every point passed.
inline constexpr const char* trace_variable = "STORE_TRAP_TRACE";

// "CALLS POINTS": lets the aggregator run at full speed up to its CALLS-th intercepted call, before which it passes POINTS
// points, as the record of an earlier run says.
inline constexpr const char* skip_variable = "STORE_TRAP_SKIP";

// Set: no table of a process gets more storage than it has.
inline constexpr const char* no_room_variable = "STORE_TRAP_NO_ROOM";

// One change of the world outside the process: a store to a segment or a system call.
struct PointRecord {
    char what[16];  // "store" or the call's name
    char file[80];  // the segment, without its directory; empty where the call names none
    std::uint64_t offset;
    std::uint64_t calls;  // intercepted so far, this one included
};

}  // namespace trackshm::test
