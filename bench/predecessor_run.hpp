// SPDX-License-Identifier: Apache-2.0
//
// The volume of one run of a large language model as its socket tracker logged it: 518,024 events on eight devices.
#pragma once

#include <algorithm>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "harness/statistics.hpp"
#include "workload.hpp"

namespace trackshm::bench {

inline constexpr std::uint64_t predecessor_events = 518'024;
inline constexpr std::uint32_t mesh_devices = 8;

// One address is live on all eight devices of a mesh, and each device frees it by id alone. 48 such buffers live at a
// time (384 in all), the oldest goes for each that comes; and four more, on device 0 alone, live from the first event
// to the last. Sizes from 256 bytes to 8 MiB. `events` of them: 8 + a multiple of 16. Returns host_ms, the time that
// all reports took together, without that until the last of them arrived.
template <class Reporter>
Figures run_predecessor_workload(const Reporter& reporter, const nlohmann::json& arguments) {
    const auto events = arguments.at("events").get<std::uint64_t>();
    constexpr std::uint64_t live_buffers = 48;
    constexpr std::uint64_t single_buffers = 4;
    constexpr std::uint64_t first_single_id = std::uint64_t{1} << 40;
    const std::uint64_t mesh_buffers = (events - 2 * single_buffers) / (2 * mesh_devices);
    const BufferSequence sequence(live_buffers + 1);
    const auto size_bytes = [](std::uint64_t ordinal) { return std::uint64_t{256} << ordinal * 7 % 16; };
    const auto allocate = [&](std::uint64_t ordinal) {
        for (std::uint32_t device = 0; device < mesh_devices; ++device) {
            reporter.allocation(device, size_bytes(ordinal), sequence.id(ordinal));
        }
    };
    const auto free = [&](std::uint64_t ordinal) {
        for (std::uint32_t device = 0; device < mesh_devices; ++device) reporter.deallocation(sequence.id(ordinal));
    };

    const std::uint64_t start_ns = now_ns();
    for (std::uint64_t single = 0; single < single_buffers; ++single) {
        reporter.allocation(0, size_bytes(single), first_single_id + single);
    }
    for (std::uint64_t ordinal = 0; ordinal < mesh_buffers; ++ordinal) {
        if (ordinal >= live_buffers) free(ordinal - live_buffers);
        allocate(ordinal);
    }
    for (std::uint64_t ordinal = mesh_buffers - std::min(mesh_buffers, live_buffers); ordinal < mesh_buffers;
         ++ordinal) {
        free(ordinal);
    }
    for (std::uint64_t single = 0; single < single_buffers; ++single) reporter.deallocation(first_single_id + single);
    const auto host_ns = static_cast<double>(now_ns() - start_ns);
    reporter.settle();

    return {{"host_ms", host_ns / 1e6}, {"mean_ns", host_ns / static_cast<double>(events)}, {"events", events}};
}

}  // namespace trackshm::bench
