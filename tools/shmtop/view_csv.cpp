// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_csv.hpp"

#include <fmt/format.h>

#include "common/text.hpp"

namespace trackshm::tools {
namespace {

std::string quoted(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string field = "\"";
    for (const char c : text) field.append(c == '"' ? 2 : 1, c);
    return field + '"';
}

}  // namespace

std::string csv_header() {
    return "time_unix_ns,namespace,device,name,type,live_bytes,live_buffers,peak_bytes,capacity_bytes,"
           "allocations_total,allocated_bytes_total,deallocations_total,deallocated_bytes_total,"
           "allocation_failures_total,gauge_bytes,exact\n";
}

std::string csv_rows(const stats::Snapshot& snapshot) {
    std::string rows;
    for (const stats::Device& device : snapshot.devices) {
        const std::string name = quoted(valid_utf8(device.name));
        for (const stats::TypeCounters& memory : device.types) {
            const std::string capacity = memory.capacity_bytes ? std::to_string(*memory.capacity_bytes) : "";
            rows += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:d}\n", snapshot.time_unix_ns,
                                snapshot.name_space, device.device, name, stats::type_name(memory.type),
                                memory.live_bytes, memory.live_buffers, memory.peak_bytes, capacity,
                                memory.allocations_total, memory.allocated_bytes_total, memory.deallocations_total,
                                memory.deallocated_bytes_total, memory.allocation_failures_total, memory.gauge_bytes,
                                snapshot.exact);
        }
    }
    return rows;
}

}  // namespace trackshm::tools
