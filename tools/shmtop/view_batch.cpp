// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/glyphs.hpp"
#include "common/units.hpp"
#include "common/users.hpp"
#include "shmtop/bar.hpp"
#include "shmtop/summary.hpp"
#include "shmtop/usage_groups.hpp"

namespace trackshm::tools {
namespace {

constexpr std::size_t leaks_shown = 5;

// ---- head -----------------------------------------------------------------------------------------------------------

std::string title_line(const stats::Snapshot& snapshot) {
    return fmt::format("trackshm {}   {}   {}   {}", snapshot.name_space, clock_text(snapshot.time_unix_ns),
                       aggregator_text(snapshot), exactness_text(snapshot));
}

void add_head(Frame& frame, const stats::Snapshot& snapshot, const FrameOptions& options) {
    frame.push_back(title_line(snapshot));
    if (std::string standstill = standstill_text(snapshot); !standstill.empty()) frame.push_back(standstill);
    frame.push_back(options.filter.empty() ? totals_text(snapshot)
                                           : fmt::format("only {}: {}", options.filter, totals_text(snapshot)));
    std::string counters;
    for (const Irregularity& one : irregularities(snapshot)) {
        counters += fmt::format("{}{} {}{}", counters.empty() ? "" : ", ", one.name, one.count, one.where);
    }
    if (!counters.empty()) frame.push_back(std::move(counters));
}

// ---- devices --------------------------------------------------------------------------------------------------------

struct DeviceColumns {
    std::size_t name;
    std::size_t type;
    std::size_t bar;  // between the brackets
};

constexpr std::size_t device_fixed_columns = 54;  // everything but the three above

bool is_shown(const stats::Device& device, const FrameOptions& options) {
    return options.all_devices || was_ever_used(device);
}

DeviceColumns device_columns(const stats::Snapshot& snapshot, const FrameOptions& options) {
    DeviceColumns columns{4, 4, 10};
    for (const stats::Device& device : snapshot.devices) {
        if (!is_shown(device, options)) continue;
        columns.name = std::max(columns.name, columns_of(device.name));
        for (const auto& memory : device.types) {
            columns.type = std::max(columns.type, stats::type_name(memory.type).size());
        }
    }
    const auto minus = [](std::size_t a, std::size_t b) { return a > b ? a - b : 0; };
    const std::size_t flexible = minus(options.columns, device_fixed_columns + columns.type);
    columns.name = std::min(columns.name, std::max<std::size_t>(minus(flexible, columns.bar), 4));
    columns.bar = std::clamp<std::size_t>(minus(flexible, columns.name), 6, 30);
    return columns;
}

std::string memory_line(const std::string& device_text, const stats::TypeCounters& memory, const DeviceColumns& columns,
                      bool peak_exact) {
    std::string bar(columns.bar + 2, ' ');
    std::string capacity;
    if (memory.capacity_bytes) {
        bar = usage_bar(used_ratio(memory).value_or(0), std::nullopt, columns.bar + 2, Charset::ascii);
        capacity = "/ " + format_bytes(*memory.capacity_bytes);
    }
    return fmt::format("{} {:<{}} {} {:>9} {:<11} {:>7} {}{:>9}", device_text, stats::type_name(memory.type),
                       columns.type, bar, format_bytes(memory.live_bytes), capacity, memory.live_buffers,
                       peak_exact ? ' ' : '>', format_bytes(memory.peak_bytes));
}

void add_device(Frame& frame, const stats::Device& device, const DeviceColumns& columns) {
    const std::string first = fmt::format("{:>6} {}", device.device, fit_left(device.name, columns.name));
    const std::string further(7 + columns.name, ' ');
    if (device.types.empty()) frame.push_back(first);
    for (std::size_t i = 0; i < device.types.size(); ++i) {
        frame.push_back(memory_line(i == 0 ? first : further, device.types[i], columns, device.peak_exact));
    }
}

void add_devices_section(Frame& frame, const stats::Snapshot& snapshot, const FrameOptions& options) {
    const DeviceColumns columns = device_columns(snapshot, options);
    frame.emplace_back();
    frame.push_back(fmt::format("DEVICE {:<{}} {:<{}} {:<{}} {:>9} {:<11} {:>7} {:>10}", "NAME", columns.name, "TYPE",
                                 columns.type, "", columns.bar + 2, "LIVE", "/ CAPACITY", "BUFFERS", "PEAK"));
    std::size_t hidden = 0;
    for (const stats::Device& device : snapshot.devices) {
        if (is_shown(device, options)) {
            add_device(frame, device, columns);
        } else {
            ++hidden;
        }
    }
    if (hidden != 0) {
        frame.push_back(fmt::format("       {} that never held anything: -a shows {}", format_count(hidden, "device"),
                                    hidden == 1 ? "it" : "them"));
    } else if (snapshot.devices.empty()) {
        frame.push_back(options.filter.empty() ? "       none seen yet" : "       none that passes " + options.filter);
    }
}

// ---- processes ------------------------------------------------------------------------------------------------------

std::string process_line(const stats::Process& process) {
    return fmt::format("{:>7} {} {} {:>9} {:>7} {}{:>9} {} {}", pid_text(process.pid),
                       fit_left(user_name(process.uid), 8), fit_left(process.comm, 15),
                       format_bytes(process.live_bytes), process.live_buffers, process.peak_exact ? ' ' : '>',
                       format_bytes(process.peak_bytes), mark_of(process), where_text(process));
}

void add_processes_section(Frame& frame, const stats::Snapshot& snapshot) {
    frame.emplace_back();
    frame.push_back(fmt::format("{:>7} {:<8} {:<15} {:>9} {:>7} {:>10}   {}", "PID", "USER", "COMM", "LIVE", "BUFFERS",
                                 "PEAK", "WHERE"));
    for (const stats::Process& process : snapshot.processes) frame.push_back(process_line(process));
    if (snapshot.processes.empty()) frame.push_back("        none");
}

// ---- ended processes ------------------------------------------------------------------------------------------------

std::string leak_line(const stats::Exited& ended, std::uint64_t now_unix_ns) {
    return fmt::format("{:>7} {} {} {:>9} {:>7} {:>10} {}, {}", pid_text(ended.pid),
                       fit_left(user_name(ended.uid), 8), fit_left(ended.comm, 15),
                       format_bytes(ended.leaked_bytes), ended.leaked_buffers, format_bytes(ended.peak_bytes),
                       end_text(ended), format_duration(age_ns(now_unix_ns, ended.end_unix_ns)));
}

void add_leaks_section(Frame& frame, const stats::Snapshot& snapshot) {
    std::size_t count = 0;
    for (const stats::Exited& ended : snapshot.exited) {
        if (ended.leaked_bytes == 0 && ended.leaked_buffers == 0) continue;
        if (++count > leaks_shown) continue;
        if (count == 1) {
            frame.emplace_back();
            frame.push_back("Ended without freeing (released by now), how, and how long ago:");
        }
        frame.push_back(leak_line(ended, snapshot.time_unix_ns));
    }
    if (count > leaks_shown) frame.push_back(fmt::format("        and {} more: see --json", count - leaks_shown));
}

void add_legend(Frame& frame, const stats::Snapshot& snapshot) {
    std::string legend = legend_text(snapshot);
    if (legend.empty()) return;
    frame.emplace_back();
    frame.push_back(std::move(legend));
}

}  // namespace

Frame make_frame(const stats::Snapshot& snapshot, const FrameOptions& options) {
    Frame frame;
    add_head(frame, snapshot, options);
    add_devices_section(frame, snapshot, options);
    add_processes_section(frame, snapshot);
    add_leaks_section(frame, snapshot);
    add_legend(frame, snapshot);
    for (std::string& line : frame) line = cut(line, options.columns);
    return frame;
}

std::string plain_text(const Frame& frame) {
    std::string text;
    for (const std::string& line : frame) {
        text += line;
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    }
    return text;
}

}  // namespace trackshm::tools
