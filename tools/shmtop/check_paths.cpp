// SPDX-License-Identifier: Apache-2.0
#include "shmtop/check_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "common/nearest.hpp"
#include "shm/event.hpp"
#include "shmtop/memory_sum.hpp"

namespace trackshm::tools {
namespace {

using stats::Device;
using stats::Process;
using stats::Snapshot;

template <class Subject>
struct Field {
    std::string_view name;
    CheckValue (*value)(const Subject&);
};

template <class Fields>
auto find_field(const Fields& fields, std::string_view name) -> decltype(fields.front().value) {
    for (const auto& field : fields) {
        if (field.name == name) return field.value;
    }
    return nullptr;
}

template <class Number>
CheckValue known(Number number) {
    return static_cast<CheckNumber>(number);
}

template <class Number>
CheckValue known(const std::optional<Number>& number) {
    return number ? known(*number) : std::nullopt;
}

template <class Row, class Figure>
CheckValue sum_of(const std::vector<Row>& rows, Figure figure) {
    std::uint64_t sum = 0;
    for (const Row& row : rows) sum += figure(row);
    return known(sum);
}

// Of everything together.
constexpr std::array<Field<Snapshot>, 21> snapshot_fields = {{
    {"leaked_bytes", [](const Snapshot& s) { return sum_of(s.exited, [](auto& row) { return row.leaked_bytes; }); }},
    {"leaked_buffers",
     [](const Snapshot& s) { return sum_of(s.exited, [](auto& row) { return row.leaked_buffers; }); }},
    {"leaked_bytes_total", [](const Snapshot& s) { return known(s.exited_totals.leaked_bytes); }},
    {"leaked_buffers_total", [](const Snapshot& s) { return known(s.exited_totals.leaked_buffers); }},
    {"exited_total", [](const Snapshot& s) { return known(s.exited_totals.processes); }},
    {"devices", [](const Snapshot& s) { return known(s.devices.size()); }},
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
    {"publish_age_ns", [](const Snapshot& s) { return known(s.publish_age_ns); }},
    {"heartbeat_age_ns", [](const Snapshot& s) { return known(s.heartbeat_age_ns); }},
}};

// Of some memories together: one of a device, all of a device, one type on all devices, or all.
constexpr std::array<Field<MemorySum>, 10> memory_fields = {{
    {"live_bytes", [](const MemorySum& sum) { return known(sum.live_bytes); }},
    {"live_buffers", [](const MemorySum& sum) { return known(sum.live_buffers); }},
    {"gauge_bytes", [](const MemorySum& sum) { return known(sum.gauge_bytes); }},
    {"used_ratio", [](const MemorySum& sum) { return known(sum.used_ratio); }},
    {"capacity_bytes", [](const MemorySum& sum) { return known(sum.capacity_bytes); }},
    {"allocations_total", [](const MemorySum& sum) { return known(sum.allocations_total); }},
    {"allocated_bytes_total", [](const MemorySum& sum) { return known(sum.allocated_bytes_total); }},
    {"deallocations_total", [](const MemorySum& sum) { return known(sum.deallocations_total); }},
    {"deallocated_bytes_total", [](const MemorySum& sum) { return known(sum.deallocated_bytes_total); }},
    {"allocation_failures_total", [](const MemorySum& sum) { return known(sum.allocation_failures_total); }},
}};

constexpr std::array<Field<Process>, 16> process_fields = {{
    {"live_bytes", [](const Process& process) { return known(process.live_bytes); }},
    {"live_buffers", [](const Process& process) { return known(process.live_buffers); }},
    {"peak_bytes", [](const Process& process) { return known(process.peak_bytes); }},
    {"peak_exact", [](const Process& process) { return known(process.peak_exact); }},
    {"exact", [](const Process& process) { return known(process.exact); }},
    {"reported", [](const Process& process) { return known(process.events.reported); }},
    {"applied", [](const Process& process) { return known(process.events.applied); }},
    {"pending", [](const Process& process) { return known(process.events.pending); }},
    {"coalesced", [](const Process& process) { return known(process.events.coalesced); }},
    {"dropped", [](const Process& process) { return known(process.events.dropped); }},
    {"rejected", [](const Process& process) { return known(process.events.rejected); }},
    {"unknown_frees", [](const Process& process) { return known(process.events.unknown_frees); }},
    {"ambiguous_frees", [](const Process& process) { return known(process.events.ambiguous_frees); }},
    {"implicit_frees", [](const Process& process) { return known(process.events.implicit_frees); }},
    {"quarantined", [](const Process& process) { return known(process.quarantined); }},
    {"starved", [](const Process& process) { return known(process.starved); }},
}};

// What a process holds in some memories.
struct Holding {
    std::uint64_t live_bytes = 0;
    std::uint64_t live_buffers = 0;
    std::uint64_t peak_bytes = 0;  // of one memory: peaks of several do not add up
};

constexpr std::array<Field<Holding>, 3> holding_fields = {{
    {"live_bytes", [](const Holding& holding) { return known(holding.live_bytes); }},
    {"live_buffers", [](const Holding& holding) { return known(holding.live_buffers); }},
    {"peak_bytes", [](const Holding& holding) { return known(holding.peak_bytes); }},
}};

// One of the ids, or every one there is.
struct Index {
    bool is_each = false;
    std::uint32_t number = 0;
};

// A path taken apart.
struct PathParts {
    std::optional<Index> process;
    std::optional<Index> device;
    std::optional<std::uint8_t> type;
    std::string field;
};

// Takes "NAME[N]." or "NAME[*]." off the front of `path`.
std::optional<Index> take_index(std::string_view& path, std::string_view name, std::uint32_t maximum) {
    if (!path.starts_with(name) || !path.substr(name.size()).starts_with('[')) return std::nullopt;
    std::string_view rest = path.substr(name.size() + 1);
    Index index;
    if (rest.starts_with('*')) {
        index.is_each = true;
        rest.remove_prefix(1);
    } else {
        const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), index.number);
        if (result.ec != std::errc{} || index.number > maximum) return std::nullopt;
        rest.remove_prefix(static_cast<std::size_t>(result.ptr - rest.data()));
    }
    if (!rest.starts_with("].")) return std::nullopt;
    path = rest.substr(2);
    return index;
}

// Takes "TYPE." off the front of `path`.
std::optional<std::uint8_t> take_type(std::string_view& path) {
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto type = stats::parse_type(path.substr(0, dot));
    if (type) path = path.substr(dot + 1);
    return type;
}

PathParts parts_of(std::string_view path) {
    PathParts parts;
    parts.process = take_index(path, "process", std::numeric_limits<std::int32_t>::max());
    parts.device = take_index(path, "device", shm::max_device_id);
    parts.type = take_type(path);
    parts.field = path;
    return parts;
}

std::string name_of(const PathParts& parts) {
    std::string name;
    if (parts.process) name += fmt::format("process[{}].", parts.process->number);
    if (parts.device) name += fmt::format("device[{}].", parts.device->number);
    if (parts.type) name += fmt::format("{}.", stats::type_name(*parts.type));
    return name + parts.field;
}

MemorySum sum_of_device(const Device& device, std::optional<std::uint8_t> type) {
    MemorySum sum;
    for (const stats::TypeCounters& memory : device.types) {
        if (!type || memory.type == *type) sum.add(memory);
    }
    return sum;
}

MemorySum sum_of_memories(const Snapshot& snapshot, std::optional<std::uint8_t> type) {
    MemorySum sum;
    for (const Device& device : snapshot.devices) {
        for (const stats::TypeCounters& memory : device.types) {
            if (!type || memory.type == *type) sum.add(memory);
        }
    }
    return sum;
}

CheckValue peak_of_device(const Device& device, std::optional<std::uint8_t> type) {
    if (!type) return known(device.peak_bytes);
    for (const stats::TypeCounters& memory : device.types) {
        if (memory.type == *type) return known(memory.peak_bytes);
    }
    return known(0);
}

using DeviceFigure = std::function<CheckValue(const Device&)>;
using ProcessFigure = std::function<CheckValue(const Process&)>;

std::optional<DeviceFigure> device_figure(const PathParts& parts) {
    const auto type = parts.type;
    if (parts.field == "peak_bytes") return [type](const Device& device) { return peak_of_device(device, type); };
    if (!type && parts.field == "peak_15s_bytes") return [](const Device& d) { return known(d.peak_15s_bytes); };
    if (!type && parts.field == "peak_60s_bytes") return [](const Device& d) { return known(d.peak_60s_bytes); };
    if (parts.field == "peak_exact") return [](const Device& device) { return known(device.peak_exact); };
    const auto value = find_field(memory_fields, parts.field);
    if (value == nullptr) return std::nullopt;
    return [type, value](const Device& device) { return value(sum_of_device(device, type)); };
}

Holding holding_of(const Process& process, const PathParts& parts) {
    Holding holding;
    for (const stats::Usage& usage : process.usage) {
        if (parts.device && usage.device != parts.device->number) continue;
        if (parts.type && usage.type != *parts.type) continue;
        holding.live_bytes += usage.live_bytes;
        holding.live_buffers += usage.live_buffers;
        holding.peak_bytes = usage.peak_bytes;
    }
    return holding;
}

std::optional<ProcessFigure> process_figure(const PathParts& parts) {
    if (!parts.device && !parts.type) {
        const auto value = find_field(process_fields, parts.field);
        return value == nullptr ? std::nullopt : std::optional<ProcessFigure>(value);
    }
    const bool is_one_memory = parts.device && parts.type;
    if (parts.device && parts.device->is_each) return std::nullopt;
    const auto value = parts.field == "peak_bytes" && !is_one_memory ? nullptr
                                                                     : find_field(holding_fields, parts.field);
    if (value == nullptr) return std::nullopt;
    return [parts, value](const Process& process) { return value(holding_of(process, parts)); };
}

// Whether [*] is about it: with a type, about devices that have such a memory.
bool is_of_each(const Device& device, const PathParts& parts) {
    return !parts.type || std::any_of(device.types.begin(), device.types.end(),
                                      [&](const stats::TypeCounters& memory) { return memory.type == *parts.type; });
}
bool is_of_each(const Process&, const PathParts&) { return true; }

// The figures of one row or of each. `index` is the part of `parts` that names the row; a row that is not there is as
// one that is empty.
template <class Row, class Figure>
std::vector<CheckFigure> figures_of(const std::vector<Row>& rows, PathParts parts, std::optional<Index> PathParts::*index,
                                    std::uint32_t (*id_of)(const Row&), const Figure& figure) {
    std::vector<CheckFigure> figures;
    const Index wanted = *(parts.*index);
    for (const Row& row : rows) {
        if (wanted.is_each ? !is_of_each(row, parts) : id_of(row) != wanted.number) continue;
        (parts.*index)->number = id_of(row);
        figures.push_back({name_of(parts), figure(row)});
        if (!wanted.is_each) return figures;
    }
    if (!wanted.is_each) figures.push_back({name_of(parts), figure(Row{})});
    return figures;
}

std::uint32_t id_of_device(const Device& device) { return device.device; }
std::uint32_t id_of_process(const Process& process) { return static_cast<std::uint32_t>(process.pid); }

bool is_truth(std::string_view field) {
    return field == "exact" || field == "peak_exact" || field == "quarantined" || field == "starved";
}

template <class Getter>
CheckPath single(std::string_view path, Getter getter) {
    return {false, is_truth(path), [name = std::string(path), getter](const Snapshot& snapshot) {
                return std::vector<CheckFigure>{{name, getter(snapshot)}};
            }};
}

}  // namespace

std::optional<CheckPath> find_check_path(std::string_view path) {
    const PathParts parts = parts_of(path);
    if (parts.process) {
        const auto figure = process_figure(parts);
        if (!figure) return std::nullopt;
        return CheckPath{parts.process->is_each, is_truth(parts.field), [=](const Snapshot& snapshot) {
                             return figures_of(snapshot.processes, parts, &PathParts::process, id_of_process, *figure);
                         }};
    }
    if (parts.device) {
        const auto figure = device_figure(parts);
        if (!figure) return std::nullopt;
        return CheckPath{parts.device->is_each, is_truth(parts.field), [=](const Snapshot& snapshot) {
                             return figures_of(snapshot.devices, parts, &PathParts::device, id_of_device, *figure);
                         }};
    }
    if (const auto value = find_field(memory_fields, parts.field)) {
        return single(path, [type = parts.type, value](const Snapshot& snapshot) {
            return value(sum_of_memories(snapshot, type));
        });
    }
    const auto value = parts.type ? nullptr : find_field(snapshot_fields, parts.field);
    if (value == nullptr) return std::nullopt;
    return single(path, value);
}

// Of a figure that one device or one process has, and what was asked for has not.
std::string hint_at_rows(PathParts parts) {
    const std::string field = (parts.type ? fmt::format("{}.", stats::type_name(*parts.type)) : "") + parts.field;
    parts.device = Index{};
    if (device_figure(parts)) return fmt::format("; it is a device's: device[*].{}", field);
    parts.device.reset();
    parts.process = Index{};
    if (process_figure(parts)) return fmt::format("; it is a process's: process[*].{}", field);
    return {};
}

std::string check_path_hint(std::string_view path) {
    const PathParts parts = parts_of(path);
    if (parts.field.starts_with("device[")) return fmt::format("; between [ ] is a number up to {}, or *", shm::max_device_id);
    if (parts.field.starts_with("process[")) return "; between [ ] is a pid, or *";
    if (parts.field.starts_with("device.") || parts.field.starts_with("process.")) {
        return fmt::format("; which one? {0}[N].FIELD, or {0}[*].FIELD for each", parts.field.substr(0, parts.field.find('.')));
    }
    if (parts.field.starts_with("type.")) return "; name it: dram.FIELD, l1.FIELD";
    if (parts.device && parts.type && (parts.field == "peak_15s_bytes" || parts.field == "peak_60s_bytes")) {
        return "; it is of a whole device: leave the memory out";
    }
    if (!parts.device && !parts.process) {
        if (std::string hint = hint_at_rows(parts); !hint.empty()) return hint;
    }
    std::vector<std::string_view> names;
    if (parts.process && !parts.device && !parts.type) {
        for (const auto& field : process_fields) names.push_back(field.name);
    } else if (parts.process) {
        for (const auto& field : holding_fields) names.push_back(field.name);
    } else {
        for (const auto& field : memory_fields) names.push_back(field.name);
        if (parts.device) names.insert(names.end(), {"peak_bytes", "peak_exact", "peak_15s_bytes", "peak_60s_bytes"});
    }
    if (!parts.process && !parts.device && !parts.type) {
        for (const auto& field : snapshot_fields) names.push_back(field.name);
    }
    return did_you_mean(parts.field, names);
}

}  // namespace trackshm::tools
