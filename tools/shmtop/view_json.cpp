// SPDX-License-Identifier: Apache-2.0
//
// Programs read these documents: fields are added at the end of an object, and never renamed or removed.
#include "shmtop/view_json.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/text.hpp"
#include "shmtop/memory_sum.hpp"
#include "shmtop/summary.hpp"

namespace trackshm::tools {
namespace {

using Json = nlohmann::ordered_json;

template <class Number>
Json or_null(const std::optional<Number>& number) {
    return number ? Json(*number) : Json(nullptr);
}

// 0: the process is in a pid namespace that the aggregator cannot see into.
Json pid_json(std::int32_t pid) { return pid > 0 ? Json(pid) : Json(nullptr); }

template <class Row>
Json array_of(const std::vector<Row>& rows, Json (*to_json)(const Row&)) {
    Json array = Json::array();
    for (const Row& row : rows) array.push_back(to_json(row));
    return array;
}

Json aggregator_json(const stats::Snapshot& snapshot) {
    return {{"pid", pid_json(snapshot.aggregator_pid)},
            {"alive", snapshot.aggregator_alive},
            {"exact", snapshot.exact},
            {"publish_seq", snapshot.publish_seq},
            {"publish_age_ns", snapshot.publish_age_ns},
            {"start_count", snapshot.start_count},
            {"heartbeat_age_ns", snapshot.heartbeat_age_ns}};
}

Json events_json(const stats::Snapshot& snapshot) {
    const stats::Events& events = snapshot.events;
    return {{"reported", events.reported},
            {"applied", events.applied},
            {"pending", events.pending},
            {"coalesced", events.coalesced},
            {"dropped", events.dropped},
            {"unknown_frees", events.unknown_frees},
            {"ambiguous_frees", events.ambiguous_frees},
            {"implicit_frees", events.implicit_frees},
            {"rejected", events.rejected},
            {"quarantined_processes", snapshot.quarantined_processes},
            {"waiting_processes", snapshot.waiting_processes}};
}

Json size_class_json(const stats::SizeClass& size_class) {
    return {{"le_bytes", size_class.le_bytes},
            {"allocated_total", size_class.allocated_total},
            {"live", size_class.live}};
}

Json size_histogram_json(const stats::DeviceDetails* details, std::uint8_t type) {
    if (details != nullptr) {
        for (const stats::TypeDetails& memory : details->types) {
            if (memory.type == type) return array_of(memory.size_histogram, size_class_json);
        }
    }
    return Json::array();
}

Json holder_json(const stats::PeakHolder& holder) {
    return {{"pid", pid_json(holder.pid)},
            {"comm", printable_in_json(holder.comm)},
            {"type", stats::type_name(holder.type)},
            {"bytes", holder.bytes},
            {"ended", holder.ended}};
}

Json at_peak_json(const stats::DeviceDetails* details) {
    if (details == nullptr || !details->at_peak) return nullptr;
    const stats::AtPeak& peak = *details->at_peak;
    return {{"time_unix_ns", peak.time_unix_ns},
            {"bytes", peak.bytes},
            {"exact", peak.exact},
            {"holders", array_of(peak.holders, holder_json)},
            {"rest_bytes", peak.rest_bytes}};
}

Json large_buffer_json(const stats::LargeBuffer& buffer) {
    return {{"id", buffer.id},
            {"size_bytes", buffer.size_bytes},
            {"type", stats::type_name(buffer.type)},
            {"pid", pid_json(buffer.pid)},
            {"comm", printable_in_json(buffer.comm)},
            {"age_ns", buffer.age_ns},
            {"id_hex", fmt::format("{:#x}", buffer.id)}};  // as shmdump has it; readers of numbers may keep 53 bits only
}

Json failure_json(const stats::DeviceDetails* details) {
    if (details == nullptr || !details->last_failure) return nullptr;
    const stats::AllocationFailure& failure = *details->last_failure;
    const bool has_list = failure.largest_time_unix_ns != 0;
    return {{"time_unix_ns", failure.time_unix_ns},
            {"size_bytes", failure.size_bytes},
            {"type", stats::type_name(failure.type)},
            {"pid", pid_json(failure.pid)},
            {"comm", printable_in_json(failure.comm)},
            {"count", failure.count},
            {"largest", array_of(failure.largest, large_buffer_json)},
            {"largest_time_unix_ns", has_list ? Json(failure.largest_time_unix_ns) : Json(nullptr)},
            {"largest_gathering_ns", has_list ? Json(failure.largest_gathering_ns) : Json(nullptr)}};
}

Json type_json(const stats::TypeCounters& memory, const stats::DeviceDetails* details) {
    return {{"type", stats::type_name(memory.type)},
            {"live_bytes", memory.live_bytes},
            {"live_buffers", memory.live_buffers},
            {"peak_bytes", memory.peak_bytes},
            {"capacity_bytes", or_null(memory.capacity_bytes)},
            {"allocations_total", memory.allocations_total},
            {"allocated_bytes_total", memory.allocated_bytes_total},
            {"deallocations_total", memory.deallocations_total},
            {"deallocated_bytes_total", memory.deallocated_bytes_total},
            {"allocation_failures_total", memory.allocation_failures_total},
            {"gauge_bytes", memory.gauge_bytes},
            {"used_ratio", or_null(used_ratio(memory))},
            {"size_histogram", size_histogram_json(details, memory.type)}};
}

Json device_json(const stats::Device& device, const stats::DeviceDetails* details) {
    Json types = Json::array();
    for (const stats::TypeCounters& memory : device.types) types.push_back(type_json(memory, details));
    return {{"device", device.device},
            {"name", printable_in_json(device.name)},
            {"live_bytes", device.live_bytes()},
            {"live_buffers", device.live_buffers()},
            {"peak_bytes", device.peak_bytes},
            {"peak_exact", device.peak_exact},
            {"capacity_bytes", or_null(device.capacity_bytes())},
            {"allocations_total", device.allocations_total()},
            {"allocated_bytes_total", device.allocated_bytes_total()},
            {"deallocations_total", device.deallocations_total()},
            {"deallocated_bytes_total", device.deallocated_bytes_total()},
            {"allocation_failures_total", device.allocation_failures_total()},
            {"types", std::move(types)},
            {"peak_15s_bytes", device.peak_15s_bytes},
            {"peak_60s_bytes", device.peak_60s_bytes},
            {"at_peak", at_peak_json(details)},
            {"last_failure", failure_json(details)}};
}

Json sample_json(const stats::Sample& sample) {
    return {{"time_unix_ns", sample.time_unix_ns},
            {"live_bytes", sample.live_bytes},
            {"peak_bytes", sample.peak_bytes},
            {"allocations_total", sample.allocations_total},
            {"allocated_bytes_total", sample.allocated_bytes_total},
            {"deallocations_total", sample.deallocations_total}};
}

Json history_json(const stats::DeviceDetails* details) {
    const stats::DeviceDetails none;
    const stats::DeviceDetails& past = details != nullptr ? *details : none;
    return {{"seconds", array_of(past.seconds, sample_json)}, {"ten_seconds", array_of(past.ten_seconds, sample_json)}};
}

Json usage_json(const stats::Usage& usage) {
    return {{"device", usage.device},
            {"type", stats::type_name(usage.type)},
            {"live_bytes", usage.live_bytes},
            {"live_buffers", usage.live_buffers},
            {"peak_bytes", usage.peak_bytes}};
}

Json process_json(const stats::Process& process) {
    Json devices = Json::array();
    for (const stats::Usage& usage : process.usage) devices.push_back(usage_json(usage));
    return {{"pid", pid_json(process.pid)},
            {"comm", printable_in_json(process.comm)},
            {"uid", process.uid},
            {"exact", process.exact},
            {"live_bytes", process.live_bytes},
            {"live_buffers", process.live_buffers},
            {"peak_bytes", process.peak_bytes},
            {"peak_exact", process.peak_exact},
            {"reported", process.events.reported},
            {"applied", process.events.applied},
            {"pending", process.events.pending},
            {"coalesced", process.events.coalesced},
            {"dropped", process.events.dropped},
            {"devices", std::move(devices)},
            {"own_pid", pid_json(process.own_pid)},
            {"quarantined", process.quarantined},
            {"unknown_frees", process.events.unknown_frees},
            {"ambiguous_frees", process.events.ambiguous_frees},
            {"implicit_frees", process.events.implicit_frees},
            {"rejected", process.events.rejected},
            {"starved", process.starved}};
}

Json exited_json(const stats::Exited& ended) {
    return {{"pid", pid_json(ended.pid)},
            {"comm", printable_in_json(ended.comm)},
            {"clean", ended.clean},
            {"end_unix_ns", ended.end_unix_ns},
            {"leaked_bytes", ended.leaked_bytes},
            {"leaked_buffers", ended.leaked_buffers},
            {"peak_bytes", ended.peak_bytes},
            {"uid", ended.uid},
            {"exact", ended.exact},
            {"called_exec", ended.called_exec}};
}

}  // namespace

std::string json_document(const stats::Snapshot& snapshot, const stats::Details& details, const JsonOptions& options) {
    Json devices = Json::array();
    for (const stats::Device& device : snapshot.devices) {
        const stats::DeviceDetails* more = details.find(device.device);
        devices.push_back(device_json(device, more));
        if (options.history) devices.back()["history"] = history_json(more);
    }
    MemorySum live;
    for (const stats::Device& device : snapshot.devices) live.add(device);
    std::uint64_t leaked_bytes = 0;
    std::uint64_t leaked_buffers = 0;
    for (const stats::Exited& ended : snapshot.exited) {
        leaked_bytes += ended.leaked_bytes;
        leaked_buffers += ended.leaked_buffers;
    }
    const Json document = {{"schema", "trackshm.snapshot/1"},
                           {"namespace", snapshot.name_space},
                           {"time_unix_ns", snapshot.time_unix_ns},
                           {"aggregator", aggregator_json(snapshot)},
                           {"events", events_json(snapshot)},
                           {"devices", std::move(devices)},
                           {"processes", array_of(snapshot.processes, process_json)},
                           {"exited", array_of(snapshot.exited, exited_json)},
                           {"usage_rows_omitted", snapshot.usage_rows_omitted},
                           {"exited_total", snapshot.exited_totals.processes},
                           {"leaked_bytes_total", snapshot.exited_totals.leaked_bytes},
                           {"leaked_buffers_total", snapshot.exited_totals.leaked_buffers},
                           {"live_bytes", live.live_bytes},
                           {"live_buffers", live.live_buffers},
                           {"leaked_bytes", leaked_bytes},
                           {"leaked_buffers", leaked_buffers}};
    return document.dump() + "\n";
}

}  // namespace trackshm::tools
