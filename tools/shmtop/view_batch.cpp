// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <optional>
#include <string_view>

#include "common/text.hpp"
#include "common/units.hpp"
#include "common/users.hpp"

namespace trackshm::tools {
namespace {

constexpr std::size_t leaks_shown = 5;
// An aggregator that did not turn for that long is stopped: it turns twice a second at least.
constexpr std::uint64_t stalled_after_ns = 3'000'000'000;

std::string clock_text(std::uint64_t time_unix_ns) {
    const auto seconds = static_cast<std::time_t>(time_unix_ns / 1'000'000'000);
    std::tm local{};
    localtime_r(&seconds, &local);
    return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

// ---- head -----------------------------------------------------------------------------------------------------------

FrameLine title_line(const stats::Snapshot& snapshot) {
    std::string aggregator = fmt::format("aggregator {}", snapshot.aggregator_pid);
    if (snapshot.start_count > 1) aggregator += fmt::format(" (start {})", snapshot.start_count);
    return {fmt::format("trackshm {}   {}   {}   {}", snapshot.name_space, clock_text(snapshot.time_unix_ns),
                        aggregator, snapshot.exact ? "exact" : "NOT EXACT: some events were lost"),
            snapshot.exact ? Tone::title : Tone::warning};
}

std::optional<FrameLine> health_line(const stats::Snapshot& snapshot) {
    if (!snapshot.aggregator_alive) {
        return FrameLine{fmt::format("THE AGGREGATOR IS GONE: figures are {} old; start shm_aggregator again",
                                     format_duration(snapshot.publish_age_ns)),
                         Tone::critical};
    }
    if (snapshot.heartbeat_age_ns > stalled_after_ns) {
        return FrameLine{fmt::format("The aggregator has not moved for {}: stopped or starved",
                                     format_duration(snapshot.heartbeat_age_ns)),
                         Tone::critical};
    }
    return std::nullopt;
}

FrameLine totals_line(const stats::Snapshot& snapshot) {
    std::uint64_t live_bytes = 0;
    std::uint64_t live_buffers = 0;
    for (const stats::Device& device : snapshot.devices) {
        live_bytes += device.live_bytes();
        live_buffers += device.live_buffers();
    }
    const std::size_t processes = snapshot.processes.size();
    return {fmt::format("{} live in {}, {} tracked, {} applied", format_bytes(live_bytes),
                        format_count(live_buffers, "buffer"),
                        processes == 1 ? "1 process" : fmt::format("{} processes", processes),
                        format_count(snapshot.events.applied, "event"))};
}

// The counters that are zero when all is well.
std::optional<FrameLine> irregular_line(const stats::Snapshot& snapshot) {
    struct Counter {
        const char* name;
        std::uint64_t value;
    };
    const stats::Events& events = snapshot.events;
    std::string text;
    for (const auto& [name, value] :
         {Counter{"pending", events.pending}, Counter{"coalesced", events.coalesced},
          Counter{"dropped", events.dropped}, Counter{"unknown frees", events.unknown_frees}, Counter{"ambiguous frees", events.ambiguous_frees},
          Counter{"implicit frees", events.implicit_frees}, Counter{"rejected", events.rejected},
          Counter{"quarantined processes", snapshot.quarantined_processes},
          Counter{"waiting processes", snapshot.waiting_processes}}) {
        if (value != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
    }
    if (text.empty()) return std::nullopt;
    const bool is_loss =
        events.dropped != 0 || snapshot.quarantined_processes != 0 || snapshot.waiting_processes != 0;
    return FrameLine{std::move(text), is_loss ? Tone::warning : Tone::normal};
}

// ---- devices --------------------------------------------------------------------------------------------------------

struct DeviceColumns {
    std::size_t name;
    std::size_t type;
    std::size_t bar;  // between the brackets
};

constexpr std::size_t device_fixed_columns = 54;  // everything but the three above

bool is_shown(const stats::Device& device, const FrameOptions& options) {
    return options.all_devices || device.live_bytes() != 0 || device.live_buffers() != 0 || device.peak_bytes != 0;
}

DeviceColumns device_columns(const stats::Snapshot& snapshot, const FrameOptions& options) {
    DeviceColumns columns{4, 4, 10};
    for (const stats::Device& device : snapshot.devices) {
        if (!is_shown(device, options)) continue;
        columns.name = std::max(columns.name, text_width(printable(device.name)));
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

std::string usage_bar(double ratio, std::size_t width) {
    const auto filled = static_cast<std::size_t>(std::min(ratio, 1.0) * static_cast<double>(width) + 0.5);
    return fmt::format("[{:#<{}}{:-<{}}]", "", filled, "", width - filled);
}

Tone tone_of(double ratio) {
    if (ratio >= critical_ratio) return Tone::critical;
    return ratio >= warning_ratio ? Tone::warning : Tone::normal;
}

FrameLine memory_line(const std::string& device_text, const stats::TypeCounters& memory, const DeviceColumns& columns,
                      bool peak_exact) {
    std::string bar(columns.bar + 2, ' ');
    std::string capacity;
    Tone tone = Tone::normal;
    if (memory.capacity_bytes) {
        const double ratio = *memory.capacity_bytes == 0 ? 0
                                                         : static_cast<double>(memory.live_bytes) /
                                                               static_cast<double>(*memory.capacity_bytes);
        bar = usage_bar(ratio, columns.bar);
        capacity = "/ " + format_bytes(*memory.capacity_bytes);
        tone = tone_of(ratio);
    }
    return {fmt::format("{} {:<{}} {} {:>9} {:<11} {:>7} {}{:>9}", device_text, stats::type_name(memory.type),
                        columns.type, bar, format_bytes(memory.live_bytes), capacity, memory.live_buffers,
                        peak_exact ? ' ' : '>', format_bytes(memory.peak_bytes)),
            tone};
}

void add_device(Frame& frame, const stats::Device& device, const DeviceColumns& columns) {
    const std::string first = fmt::format("{:>6} {}", device.device, fit_left(printable(device.name), columns.name));
    const std::string further(7 + columns.name, ' ');
    if (device.types.empty()) frame.push_back({first});
    for (std::size_t i = 0; i < device.types.size(); ++i) {
        frame.push_back(memory_line(i == 0 ? first : further, device.types[i], columns, device.peak_exact));
    }
}

void add_devices_section(Frame& frame, const stats::Snapshot& snapshot, const FrameOptions& options) {
    const DeviceColumns columns = device_columns(snapshot, options);
    frame.push_back({});
    frame.push_back({fmt::format("DEVICE {:<{}} {:<{}} {:<{}} {:>9} {:<11} {:>7} {:>10}", "NAME", columns.name, "TYPE",
                                 columns.type, "", columns.bar + 2, "LIVE", "/ CAPACITY", "BUFFERS", "PEAK"),
                     Tone::heading});
    std::size_t hidden = 0;
    for (const stats::Device& device : snapshot.devices) {
        if (is_shown(device, options)) {
            add_device(frame, device, columns);
        } else {
            ++hidden;
        }
    }
    if (hidden != 0) {
        frame.push_back({fmt::format("       {} that never held anything: -a shows {}", format_count(hidden, "device"),
                                     hidden == 1 ? "it" : "them")});
    } else if (snapshot.devices.empty()) {
        frame.push_back({"       none seen yet"});
    }
}

// ---- processes ------------------------------------------------------------------------------------------------------

// Neighbours in a process's usage that hold the same amount of the same memory: "0-7 DRAM 100.0 MiB".
struct UsageGroup {
    std::uint32_t first_device;
    std::uint32_t last_device;
    std::uint8_t type;
    std::uint64_t live_bytes;
};

std::vector<UsageGroup> usage_groups(const stats::Process& process) {
    std::vector<stats::Usage> usage;
    std::copy_if(process.usage.begin(), process.usage.end(), std::back_inserter(usage),
                 [](const stats::Usage& row) { return row.live_bytes != 0 || row.live_buffers != 0; });
    std::stable_sort(usage.begin(), usage.end(), [](const auto& a, const auto& b) { return a.type < b.type; });
    std::vector<UsageGroup> groups;
    for (const stats::Usage& row : usage) {
        UsageGroup* last = groups.empty() ? nullptr : &groups.back();
        if (last != nullptr && last->type == row.type && last->last_device + 1 == row.device &&
            last->live_bytes == row.live_bytes) {
            last->last_device = row.device;
        } else {
            groups.push_back({row.device, row.device, row.type, row.live_bytes});
        }
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& a, const auto& b) { return a.live_bytes > b.live_bytes; });
    return groups;
}

std::string where_text(const stats::Process& process) {
    std::string text;
    for (const UsageGroup& group : usage_groups(process)) {
        const std::string devices = group.first_device == group.last_device
                                        ? fmt::format("{}", group.first_device)
                                        : fmt::format("{}-{}", group.first_device, group.last_device);
        text += fmt::format("{}{}:{} {}{}", text.empty() ? "" : ", ", devices, stats::type_name(group.type),
                            format_bytes(group.live_bytes), group.first_device == group.last_device ? "" : " each");
    }
    return text;
}

std::string pid_text(std::int32_t pid) { return pid > 0 ? std::to_string(pid) : "?"; }

FrameLine process_line(const stats::Process& process) {
    const char mark = process.quarantined ? 'Q' : process.starved ? 'W' : process.exact ? ' ' : '~';
    return {fmt::format("{:>7} {} {} {:>9} {:>7} {}{:>9} {} {}", pid_text(process.pid),
                        fit_left(printable(user_name(process.uid)), 8), fit_left(printable(process.comm), 15),
                        format_bytes(process.live_bytes), process.live_buffers, process.peak_exact ? ' ' : '>',
                        format_bytes(process.peak_bytes), mark, where_text(process)),
            mark == ' ' ? Tone::normal : Tone::warning};
}

void add_processes_section(Frame& frame, const stats::Snapshot& snapshot) {
    frame.push_back({});
    frame.push_back({fmt::format("{:>7} {:<8} {:<15} {:>9} {:>7} {:>10}   {}", "PID", "USER", "COMM", "LIVE", "BUFFERS",
                                 "PEAK", "WHERE"),
                     Tone::heading});
    for (const stats::Process& process : snapshot.processes) frame.push_back(process_line(process));
    if (snapshot.processes.empty()) frame.push_back({"        none"});
}

// ---- ended processes ------------------------------------------------------------------------------------------------

FrameLine leak_line(const stats::Exited& ended, std::uint64_t now_unix_ns) {
    const std::uint64_t age_ns = now_unix_ns > ended.end_unix_ns ? now_unix_ns - ended.end_unix_ns : 0;
    return {fmt::format("{:>7} {} {} {:>9} {:>7} {:>10}   {} ago, {}", pid_text(ended.pid),
                        fit_left(printable(user_name(ended.uid)), 8), fit_left(printable(ended.comm), 15),
                        format_bytes(ended.leaked_bytes), ended.leaked_buffers, format_bytes(ended.peak_bytes),
                        format_duration(age_ns), ended.clean ? "exited" : "killed")};
}

void add_leaks_section(Frame& frame, const stats::Snapshot& snapshot) {
    std::size_t count = 0;
    for (const stats::Exited& ended : snapshot.exited) {
        if (ended.leaked_bytes == 0 && ended.leaked_buffers == 0) continue;
        if (++count > leaks_shown) continue;
        if (count == 1) {
            frame.push_back({});
            frame.push_back({"Ended without freeing (released by now):", Tone::heading});
        }
        frame.push_back(leak_line(ended, snapshot.time_unix_ns));
    }
    if (count > leaks_shown) frame.push_back({fmt::format("        and {} more: see --json", count - leaks_shown)});
}

void add_legend(Frame& frame, const stats::Snapshot& snapshot) {
    const auto any_process = [&](auto&& predicate) {
        return std::any_of(snapshot.processes.begin(), snapshot.processes.end(), predicate);
    };
    std::string legend;
    if (any_process([](const auto& process) { return !process.exact && !process.starved; })) legend += "  ~ events were lost";
    if (any_process([](const auto& process) { return process.quarantined; })) legend += "  Q corrupt, figures frozen";
    if (any_process([](const auto& process) { return process.starved; })) legend += "  W events wait for room in /dev/shm";
    if (any_process([](const auto& process) { return !process.peak_exact; }) ||
        std::any_of(snapshot.devices.begin(), snapshot.devices.end(),
                    [](const auto& device) { return !device.peak_exact; })) {
        legend += "  > the peak was at least this";
    }
    if (snapshot.usage_rows_omitted != 0) {
        legend += fmt::format("  WHERE is incomplete: {} omitted", format_count(snapshot.usage_rows_omitted, "row"));
    }
    if (legend.empty()) return;
    frame.push_back({});
    frame.push_back({legend.substr(2)});
}

}  // namespace

Frame make_frame(const stats::Snapshot& snapshot, const FrameOptions& options) {
    Frame frame;
    frame.push_back(title_line(snapshot));
    if (auto line = health_line(snapshot)) frame.push_back(std::move(*line));
    frame.push_back(totals_line(snapshot));
    if (auto line = irregular_line(snapshot)) frame.push_back(std::move(*line));
    add_devices_section(frame, snapshot, options);
    add_processes_section(frame, snapshot);
    add_leaks_section(frame, snapshot);
    add_legend(frame, snapshot);
    for (FrameLine& line : frame) line.text = cut(line.text, options.columns);
    return frame;
}

std::string plain_text(const Frame& frame) {
    std::string text;
    for (const FrameLine& line : frame) {
        text += line.text;
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    }
    return text;
}

}  // namespace trackshm::tools
