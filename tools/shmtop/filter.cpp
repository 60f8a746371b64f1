// SPDX-License-Identifier: Apache-2.0
#include "shmtop/filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string_view>
#include <utility>

#include "shm/event.hpp"

namespace trackshm::tools {
namespace {

constexpr std::array<std::pair<std::string_view, SortKey>, 5> sort_keys = {{
    {"live", SortKey::live},
    {"peak", SortKey::peak},
    {"pid", SortKey::pid},
    {"buffers", SortKey::buffers},
    {"comm", SortKey::comm},
}};

bool add_all(NumberList& list, const std::vector<std::string>& texts, std::uint64_t maximum, std::string& problem) {
    return std::all_of(texts.begin(), texts.end(),
                       [&](const std::string& text) { return list.add(text, maximum, problem); });
}

// Adds one item of a LIST of types: a name, a number or a range of numbers.
bool add_type(NumberList& types, std::string_view item, std::string& problem) {
    constexpr std::uint64_t last = shm::type_count - 1;
    if (const auto type = stats::parse_type(item)) return types.add(std::to_string(*type), last, problem);
    const bool is_name = item.empty() || item.find_first_not_of("0123456789-") != std::string_view::npos;
    if (!is_name) return types.add(item, last, problem);
    problem = fmt::format("'{}' is no memory; they are", item);
    for (std::uint8_t type = 0; type < 8; ++type) problem += fmt::format(" {},", stats::type_name(type));
    problem += " TYPE_8 to TYPE_15, or 0 to 15";
    return false;
}

bool before(const stats::Process& a, const stats::Process& b, SortKey key) {
    switch (key) {
        case SortKey::live: return a.live_bytes > b.live_bytes;
        case SortKey::peak: return a.peak_bytes > b.peak_bytes;
        case SortKey::buffers: return a.live_buffers > b.live_buffers;
        case SortKey::comm: return a.comm < b.comm;
        case SortKey::pid: break;
    }
    return a.pid < b.pid;
}

bool passes_pid(const Filter& filter, std::int32_t pid) {
    return filter.pids.passes(static_cast<std::uint32_t>(pid));
}

void limit_device(const Filter& filter, stats::Device& device) {
    std::erase_if(device.types, [&](const auto& memory) { return !filter.types.passes(memory.type); });
    if (device.types.size() == 1) device.peak_bytes = device.types.front().peak_bytes;
}

void limit_details(const Filter& filter, stats::DeviceDetails& device) {
    const auto is_other_type = [&](const auto& row) { return !filter.types.passes(row.type); };
    const auto is_other = [&](const auto& row) { return is_other_type(row) || !passes_pid(filter, row.pid); };
    std::erase_if(device.types, is_other_type);
    if (device.last_failure && is_other(*device.last_failure)) device.last_failure.reset();
    if (device.last_failure) std::erase_if(device.last_failure->largest, is_other);
    if (!device.at_peak) return;
    for (const stats::PeakHolder& holder : device.at_peak->holders) {
        if (is_other(holder)) device.at_peak->rest_bytes += holder.bytes;
    }
    std::erase_if(device.at_peak->holders, is_other);
}

void limit_process(const Filter& filter, stats::Process& process) {
    std::erase_if(process.usage, [&](const stats::Usage& usage) {
        return !filter.devices.passes(usage.device) || !filter.types.passes(usage.type);
    });
    process.live_bytes = 0;
    process.live_buffers = 0;
    for (const stats::Usage& usage : process.usage) {
        process.live_bytes += usage.live_bytes;
        process.live_buffers += usage.live_buffers;
    }
    if (process.usage.size() == 1) process.peak_bytes = process.usage.front().peak_bytes;
}

// Makes what devices hold what the snapshot's processes hold of them.
void count_held_by_processes(stats::Snapshot& snapshot) {
    struct Held {
        std::uint64_t bytes = 0;
        std::uint64_t buffers = 0;
    };
    std::map<std::pair<std::uint32_t, std::uint8_t>, Held> held;
    for (const stats::Process& process : snapshot.processes) {
        for (const stats::Usage& usage : process.usage) {
            Held& sum = held[{usage.device, usage.type}];
            sum.bytes += usage.live_bytes;
            sum.buffers += usage.live_buffers;
        }
    }
    for (stats::Device& device : snapshot.devices) {
        for (stats::TypeCounters& memory : device.types) {
            const Held& sum = held[{device.device, memory.type}];
            memory.live_bytes = sum.bytes;
            memory.live_buffers = sum.buffers;
        }
    }
}

}  // namespace

bool add_devices(Filter& filter, const std::vector<std::string>& lists, std::string& problem) {
    return add_all(filter.devices, lists, shm::max_device_id, problem);
}

bool add_pids(Filter& filter, const std::vector<std::string>& lists, std::string& problem) {
    return add_all(filter.pids, lists, std::numeric_limits<std::int32_t>::max(), problem);
}

bool add_types(Filter& filter, const std::vector<std::string>& lists, std::string& problem) {
    for (const std::string& list : lists) {
        for (const std::string_view item : split_list(list)) {
            if (!add_type(filter.types, item, problem)) return false;
        }
    }
    return true;
}

std::string_view sort_key_name(SortKey key) noexcept {
    for (const auto& [name, value] : sort_keys) {
        if (value == key) return name;
    }
    return {};
}

bool set_sort_key(Filter& filter, const std::string& key, std::string& problem) {
    for (const auto& [name, value] : sort_keys) {
        if (name == key) {
            filter.sort_key = value;
            return true;
        }
    }
    problem = fmt::format("'{}' is no sort key; they are live, peak, pid, buffers and comm", key);
    return false;
}

void apply_filter(const Filter& filter, stats::Snapshot& snapshot) {
    std::erase_if(snapshot.devices, [&](const auto& device) { return !filter.devices.passes(device.device); });
    if (!filter.types.empty()) {
        for (stats::Device& device : snapshot.devices) limit_device(filter, device);
        std::erase_if(snapshot.devices, [](const auto& device) { return device.types.empty(); });
    }

    const auto other_pid = [&](const auto& process) { return !passes_pid(filter, process.pid); };
    std::erase_if(snapshot.processes, other_pid);
    std::erase_if(snapshot.exited, other_pid);
    if (!filter.devices.empty() || !filter.types.empty()) {
        for (stats::Process& process : snapshot.processes) limit_process(filter, process);
        std::erase_if(snapshot.processes, [](const auto& process) { return process.usage.empty(); });
    }
    if (!filter.pids.empty()) count_held_by_processes(snapshot);

    std::stable_sort(snapshot.processes.begin(), snapshot.processes.end(),
                     [&](const auto& a, const auto& b) { return before(a, b, filter.sort_key); });
}

void cut_processes(const Filter& filter, stats::Snapshot& snapshot) {
    if (filter.top && snapshot.processes.size() > *filter.top) snapshot.processes.resize(*filter.top);
}

void apply_filter(const Filter& filter, stats::Details& details) {
    std::erase_if(details.devices, [&](const auto& device) { return !filter.devices.passes(device.device); });
    for (stats::DeviceDetails& device : details.devices) limit_details(filter, device);
}

}  // namespace trackshm::tools
