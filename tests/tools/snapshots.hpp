// SPDX-License-Identifier: Apache-2.0
//
// Snapshots for the tests of the views, made by hand.
#pragma once

#include <cstdint>
#include <string>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

inline constexpr std::uint8_t dram = 0;
inline constexpr std::uint8_t l1 = 1;
inline constexpr std::uint64_t MiB = std::uint64_t{1} << 20;

// Says "red" to a terminal with ESC and with C1 characters, and what is to be shown of it instead.
inline constexpr const char* hostile_name = "\x1B[31m\xC2\x9B" "31m\x7F";
inline constexpr const char* harmless_name = "\xEF\xBF\xBD[31m\xEF\xBF\xBD" "31m\xEF\xBF\xBD";

inline stats::TypeCounters memory(std::uint8_t type, std::uint64_t live_bytes, std::uint64_t live_buffers) {
    stats::TypeCounters counters;
    counters.type = type;
    counters.live_bytes = live_bytes;
    counters.live_buffers = live_buffers;
    counters.peak_bytes = live_bytes;
    counters.allocations_total = live_buffers;
    counters.allocated_bytes_total = live_bytes;
    return counters;
}

inline stats::Process process(std::int32_t pid, const std::string& comm) {
    stats::Process result;
    result.pid = pid;
    result.own_pid = pid;
    result.comm = comm;
    return result;
}

inline void add_usage(stats::Process& holder, std::uint32_t device, std::uint8_t type, std::uint64_t live_bytes,
                      std::uint64_t live_buffers) {
    holder.usage.push_back({device, type, live_bytes, live_buffers, live_bytes});
    holder.live_bytes += live_bytes;
    holder.live_buffers += live_buffers;
    holder.peak_bytes += live_bytes;
}

// Two devices and two processes:
//   device 0  DRAM 300 MiB of 1000 MiB in 3 buffers, L1 10 MiB in 1     big (pid 20) holds all of it
//   device 3  DRAM 100 MiB in 1 buffer, no capacity known               small (pid 10) holds it
// and device 9, which was only described. Process 5 ended and leaked 7 bytes, as one did
// of which there is no record any more.
inline stats::Snapshot sample_snapshot() {
    stats::Snapshot snapshot;
    snapshot.name_space = "test";
    snapshot.time_unix_ns = 1'700'000'000'000'000'000;
    snapshot.aggregator_pid = 99;
    snapshot.aggregator_alive = true;
    snapshot.start_count = 1;
    snapshot.events.reported = 5;
    snapshot.events.applied = 5;

    stats::Device zero;
    zero.device = 0;
    zero.name = "mesh (0,1)";
    zero.peak_bytes = 310 * MiB;
    zero.peak_15s_bytes = 310 * MiB;
    zero.peak_60s_bytes = 310 * MiB;
    zero.types = {memory(dram, 300 * MiB, 3), memory(l1, 10 * MiB, 1)};
    zero.types[0].capacity_bytes = 1000 * MiB;
    stats::Device three;
    three.device = 3;
    three.peak_bytes = 100 * MiB;
    three.types = {memory(dram, 100 * MiB, 1)};
    stats::Device nine;
    nine.device = 9;
    snapshot.devices = {zero, three, nine};

    stats::Process small = process(10, "small");
    add_usage(small, 3, dram, 100 * MiB, 1);
    stats::Process big = process(20, "big");
    add_usage(big, 0, dram, 300 * MiB, 3);
    add_usage(big, 0, l1, 10 * MiB, 1);
    snapshot.processes = {small, big};

    stats::Exited ended;
    ended.pid = 5;
    ended.comm = "gone";
    ended.end_unix_ns = snapshot.time_unix_ns - 12'000'000'000;
    ended.leaked_bytes = 7;
    ended.leaked_buffers = 1;
    snapshot.exited = {ended};
    snapshot.exited_totals = {2, 14, 2};
    return snapshot;
}

// Device 0 of that snapshot in detail: at its peak, big held 250 MiB of DRAM and process 5, which has ended, 60 MiB of L1;
// then 400 MiB of DRAM could not be had. Of device 3 only the size histogram is known.
inline stats::Details sample_details() {
    stats::Details details;
    details.publish_seq = 1;
    stats::DeviceDetails zero;
    zero.device = 0;
    stats::AtPeak peak;
    peak.time_unix_ns = 1'700'000'000'000'000'000 - 30'000'000'000;
    peak.bytes = 310 * MiB;
    peak.holders = {{20, "big", dram, 250 * MiB, false}, {5, "gone", l1, 58 * MiB, true}};
    peak.rest_bytes = 2 * MiB;
    zero.at_peak = peak;
    stats::AllocationFailure failure;
    failure.time_unix_ns = 1'700'000'000'000'000'000 - 5'000'000'000;
    failure.size_bytes = 400 * MiB;
    failure.type = dram;
    failure.pid = 10;
    failure.comm = "small";
    failure.count = 2;
    failure.largest = {{77, 200 * MiB, dram, 20, "big", 9'000'000'000}, {78, 10 * MiB, l1, 20, "big", 1'000'000'000}};
    failure.largest_time_unix_ns = failure.time_unix_ns;
    zero.last_failure = failure;
    zero.types = {{dram, {{64 * MiB, 5, 1}, {256 * MiB, 2, 2}}}, {l1, {{16 * MiB, 1, 1}}}};
    zero.seconds = {{peak.time_unix_ns, 310 * MiB, 310 * MiB, 4, 310 * MiB, 0}};
    stats::DeviceDetails three;
    three.device = 3;
    three.types = {{dram, {{128 * MiB, 1, 1}}}};
    details.devices = {zero, three};
    return details;
}

}  // namespace trackshm::tools
