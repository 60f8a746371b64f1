// SPDX-License-Identifier: Apache-2.0
#include "shmtop/check_paths.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <vector>

#include "shm/event.hpp"

namespace trackshm::tools {
namespace {

template <class Subject>
struct Field {
    std::string_view name;
    CheckValue (*value)(const Subject&);
};

template <class Subject, std::size_t count>
auto find_field(const std::array<Field<Subject>, count>& fields, std::string_view name)
    -> decltype(Field<Subject>::value) {
    for (const auto& field : fields) {
        if (field.name == name) return field.value;
    }
    return nullptr;
}

template <class Number>
CheckValue known(Number number) {
    return static_cast<CheckNumber>(number);
}

// What some memories add up to: one of a device, all of a device, or one type on all devices.
struct MemorySum {
    std::uint64_t live_bytes = 0;
    std::uint64_t live_buffers = 0;
    std::uint64_t described_live_bytes = 0;  // of memories whose capacity is known
    std::uint64_t capacity_bytes = 0;
    bool described = false;
    std::uint64_t peak_bytes = 0;  // set where a peak has a meaning

    void add(const stats::TypeCounters& memory) {
        live_bytes += memory.live_bytes;
        live_buffers += memory.live_buffers;
        if (!memory.capacity_bytes) return;
        described = true;
        described_live_bytes += memory.live_bytes;
        capacity_bytes += *memory.capacity_bytes;
    }
};

CheckValue used_ratio(const MemorySum& sum) {
    if (!sum.described || sum.capacity_bytes == 0) return std::nullopt;
    return static_cast<CheckNumber>(sum.described_live_bytes) / static_cast<CheckNumber>(sum.capacity_bytes);
}

constexpr std::array<Field<MemorySum>, 5> memory_fields = {{
    {"live_bytes", [](const MemorySum& sum) { return known(sum.live_bytes); }},
    {"live_buffers", [](const MemorySum& sum) { return known(sum.live_buffers); }},
    {"used_ratio", used_ratio},
    {"capacity_bytes", [](const MemorySum& sum) { return sum.described ? known(sum.capacity_bytes) : std::nullopt; }},
    {"peak_bytes", [](const MemorySum& sum) { return known(sum.peak_bytes); }},
}};

constexpr std::array<Field<stats::Process>, 6> process_fields = {{
    {"live_bytes", [](const stats::Process& process) { return known(process.live_bytes); }},
    {"live_buffers", [](const stats::Process& process) { return known(process.live_buffers); }},
    {"peak_bytes", [](const stats::Process& process) { return known(process.peak_bytes); }},
    {"pending", [](const stats::Process& process) { return known(process.events.pending); }},
    {"dropped", [](const stats::Process& process) { return known(process.events.dropped); }},
    {"exact", [](const stats::Process& process) { return known(process.exact); }},
}};

template <class Row, class Figure>
CheckValue sum_of(const std::vector<Row>& rows, Figure figure) {
    std::uint64_t sum = 0;
    for (const Row& row : rows) sum += figure(row);
    return known(sum);
}

using stats::Snapshot;

constexpr std::array<Field<Snapshot>, 17> snapshot_fields = {{
    {"live_bytes", [](const Snapshot& s) { return sum_of(s.devices, [](auto& row) { return row.live_bytes(); }); }},
    {"live_buffers", [](const Snapshot& s) { return sum_of(s.devices, [](auto& row) { return row.live_buffers(); }); }},
    {"leaked_bytes", [](const Snapshot& s) { return sum_of(s.exited, [](auto& row) { return row.leaked_bytes; }); }},
    {"leaked_buffers",
     [](const Snapshot& s) { return sum_of(s.exited, [](auto& row) { return row.leaked_buffers; }); }},
    {"processes", [](const Snapshot& s) { return known(s.processes.size()); }},
    {"exact", [](const Snapshot& s) { return known(s.exact); }},
    {"reported", [](const Snapshot& s) { return known(s.events.reported); }},
    {"applied", [](const Snapshot& s) { return known(s.events.applied); }},
    {"pending", [](const Snapshot& s) { return known(s.events.pending); }},
    {"coalesced", [](const Snapshot& s) { return known(s.events.coalesced); }},
    {"dropped", [](const Snapshot& s) { return known(s.events.dropped); }},
    {"rejected", [](const Snapshot& s) { return known(s.events.rejected); }},
    {"unknown_frees", [](const Snapshot& s) { return known(s.events.unknown_frees); }},
    {"ambiguous_frees", [](const Snapshot& s) { return known(s.events.ambiguous_frees); }},
    {"implicit_frees", [](const Snapshot& s) { return known(s.events.implicit_frees); }},
    {"quarantined_processes", [](const Snapshot& s) { return known(s.quarantined_processes); }},
    {"waiting_processes", [](const Snapshot& s) { return known(s.waiting_processes); }},
}};

// Takes "NAME[N]." off the front of `path` and gives N.
std::optional<std::uint32_t> take_index(std::string_view& path, std::string_view name, std::uint32_t maximum) {
    if (!path.starts_with(name) || !path.substr(name.size()).starts_with('[')) return std::nullopt;
    const std::string_view rest = path.substr(name.size() + 1);
    std::uint32_t number = 0;
    const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (result.ec != std::errc{} || number > maximum) return std::nullopt;
    const std::string_view after = rest.substr(static_cast<std::size_t>(result.ptr - rest.data()));
    if (!after.starts_with("].")) return std::nullopt;
    path = after.substr(2);
    return number;
}

// Takes "TYPE." off the front of `path`.
std::optional<std::uint8_t> take_type(std::string_view& path) {
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto type = stats::parse_type(path.substr(0, dot));
    if (type) path = path.substr(dot + 1);
    return type;
}

MemorySum sum_of_memories(const Snapshot& snapshot, std::optional<std::uint32_t> device_id,
                          std::optional<std::uint8_t> type) {
    MemorySum sum;
    for (const stats::Device& device : snapshot.devices) {
        if (device_id && device.device != *device_id) continue;
        sum.peak_bytes = device.peak_bytes;
        for (const stats::TypeCounters& memory : device.types) {
            if (type && memory.type != *type) continue;
            if (type) sum.peak_bytes = memory.peak_bytes;
            sum.add(memory);
        }
    }
    return sum;
}

std::optional<CheckGetter> process_getter(std::uint32_t pid, std::string_view field) {
    const auto value = find_field(process_fields, field);
    if (value == nullptr) return std::nullopt;
    return [pid, value](const Snapshot& snapshot) {
        const auto found = std::find_if(snapshot.processes.begin(), snapshot.processes.end(), [&](const auto& process) {
            return static_cast<std::uint32_t>(process.pid) == pid;
        });
        return value(found != snapshot.processes.end() ? *found : stats::Process{});
    };
}

}  // namespace

std::optional<CheckGetter> find_check_path(std::string_view path) {
    if (const auto pid = take_index(path, "process", std::numeric_limits<std::int32_t>::max())) {
        return process_getter(*pid, path);
    }
    const auto device = take_index(path, "device", shm::max_device_id);
    const auto type = take_type(path);
    if (!device && !type) {
        const auto value = find_field(snapshot_fields, path);
        return value == nullptr ? std::nullopt : std::optional<CheckGetter>(value);
    }
    // Peaks of several devices do not add up.
    const auto value = !device && path == "peak_bytes" ? nullptr : find_field(memory_fields, path);
    if (value == nullptr) return std::nullopt;
    return [device, type, value](const Snapshot& snapshot) { return value(sum_of_memories(snapshot, device, type)); };
}

}  // namespace trackshm::tools
