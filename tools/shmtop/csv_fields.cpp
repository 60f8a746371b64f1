// SPDX-License-Identifier: Apache-2.0
#include "shmtop/csv_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/text.hpp"
#include "common/users.hpp"

namespace trackshm::tools {
namespace {

using Row = CsvRow;

constexpr unsigned whole = static_cast<unsigned>(RowKind::whole);
constexpr unsigned device = static_cast<unsigned>(RowKind::device);
constexpr unsigned memory = static_cast<unsigned>(RowKind::memory);
constexpr unsigned process = static_cast<unsigned>(RowKind::process);
constexpr unsigned usage = static_cast<unsigned>(RowKind::usage);
constexpr unsigned places = whole | device | memory;
constexpr unsigned holders = process | usage;
constexpr unsigned any = places | holders;

template <class Number>
std::string text(Number value) {
    return fmt::format("{:d}", value);
}

template <class Number>
std::string text_or_empty(const std::optional<Number>& value) {
    return value ? text(*value) : std::string{};
}

// 0: cannot be seen from the aggregator's pid namespace.
std::string pid_text(std::int32_t pid) { return pid > 0 ? text(pid) : std::string{}; }

const stats::Events& events_of(const Row& row) { return row.process ? row.process->events : row.snapshot.events; }

template <std::uint64_t stats::Exited::* member>
std::string leaked(const Row& row) {
    std::uint64_t sum = 0;
    for (const stats::Exited& ended : row.snapshot.exited) sum += ended.*member;
    return text(sum);
}

const stats::Device* find_device(const stats::Snapshot& snapshot, std::uint32_t id) {
    const auto found = std::find_if(snapshot.devices.begin(), snapshot.devices.end(),
                                    [&](const stats::Device& candidate) { return candidate.device == id; });
    return found == snapshot.devices.end() ? nullptr : &*found;
}

std::vector<Row> device_rows(const stats::Snapshot& snapshot) {
    std::vector<Row> rows;
    for (const stats::Device& each : snapshot.devices) {
        Row row{.snapshot = snapshot, .device = &each, .device_id = each.device};
        row.sum.add(each);
        row.peak_bytes = each.peak_bytes;
        row.peak_exact = each.peak_exact;
        rows.push_back(row);
    }
    return rows;
}

std::vector<Row> memory_rows(const stats::Snapshot& snapshot) {
    std::vector<Row> rows;
    for (const stats::Device& each : snapshot.devices) {
        for (const stats::TypeCounters& counters : each.types) {
            Row row{.snapshot = snapshot, .device = &each, .device_id = each.device, .type = counters.type};
            row.sum.add(counters);
            row.peak_bytes = counters.peak_bytes;
            row.peak_exact = each.peak_exact;
            rows.push_back(row);
        }
    }
    return rows;
}

std::vector<Row> process_rows(const stats::Snapshot& snapshot) {
    std::vector<Row> rows;
    for (const stats::Process& each : snapshot.processes) {
        Row row{.snapshot = snapshot, .process = &each};
        row.sum.live_bytes = each.live_bytes;
        row.sum.live_buffers = each.live_buffers;
        row.peak_bytes = each.peak_bytes;
        row.peak_exact = each.peak_exact;
        rows.push_back(row);
    }
    return rows;
}

std::vector<Row> usage_rows(const stats::Snapshot& snapshot) {
    std::vector<Row> rows;
    for (const stats::Process& each : snapshot.processes) {
        for (const stats::Usage& held : each.usage) {
            Row row{.snapshot = snapshot, .device = find_device(snapshot, held.device), .process = &each,
                    .device_id = held.device, .type = held.type};
            row.sum.live_bytes = held.live_bytes;
            row.sum.live_buffers = held.live_buffers;
            row.peak_bytes = held.peak_bytes;
            row.peak_exact = each.peak_exact;
            rows.push_back(row);
        }
    }
    return rows;
}

}  // namespace

const std::vector<CsvField>& csv_fields() {
    static const std::vector<CsvField> fields{
        {"time_unix_ns", any, "When the snapshot was taken", [](const Row& r) { return text(r.snapshot.time_unix_ns); }},
        {"namespace", any, "Whose aggregator it is of", [](const Row& r) { return r.snapshot.name_space; }},
        {"device", device | memory | usage, "Device id: asks for rows per device",
         [](const Row& r) { return text_or_empty(r.device_id); }},
        {"name", device | memory | usage, "What the device is called: asks for rows per device",
         [](const Row& r) { return r.device ? printable(r.device->name) : std::string{}; }},
        {"type", memory | usage, "DRAM, L1, ..: asks for rows per memory",
         [](const Row& r) { return r.type ? std::string(stats::type_name(*r.type)) : std::string{}; }},
        {"pid", holders, "Process id, empty where it cannot be seen: asks for rows per process",
         [](const Row& r) { return pid_text(r.process->pid); }},
        {"own_pid", holders, "Process id as the process sees it: asks for rows per process",
         [](const Row& r) { return pid_text(r.process->own_pid); }},
        {"comm", holders, "Command name: asks for rows per process",
         [](const Row& r) { return printable(r.process->comm); }},
        {"uid", holders, "User id: asks for rows per process", [](const Row& r) { return text(r.process->uid); }},
        {"user", holders, "User name: asks for rows per process",
         [](const Row& r) { return user_name(r.process->uid); }},
        {"live_bytes", any, "Bytes held now", [](const Row& r) { return text(r.sum.live_bytes); }},
        {"live_buffers", any, "Buffers held now", [](const Row& r) { return text(r.sum.live_buffers); }},
        {"peak_bytes", any & ~whole, "Most bytes ever held", [](const Row& r) { return text(r.peak_bytes); }},
        {"peak_15s_bytes", device, "Most bytes held at once in the last 15 seconds",
         [](const Row& r) { return text(r.device->peak_15s_bytes); }},
        {"peak_60s_bytes", device, "Most bytes held at once in the last 60 seconds",
         [](const Row& r) { return text(r.device->peak_60s_bytes); }},
        {"peak_exact", any & ~whole, "1, or 0 where the peak is a lower bound",
         [](const Row& r) { return text(r.peak_exact); }},
        {"capacity_bytes", places, "Size, empty where nobody described it",
         [](const Row& r) { return text_or_empty(r.sum.capacity_bytes); }},
        {"used_ratio", places, "Live by capacity of the fullest memory, 0 to 1, empty without a capacity",
         [](const Row& r) {
             const auto ratio = r.sum.used_ratio;
             return ratio ? fmt::format("{:.6f}", *ratio) : std::string{};
         }},
        {"allocations_total", places, "Buffers ever allocated",
         [](const Row& r) { return text(r.sum.allocations_total); }},
        {"allocated_bytes_total", places, "Bytes ever allocated",
         [](const Row& r) { return text(r.sum.allocated_bytes_total); }},
        {"deallocations_total", places, "Buffers ever released",
         [](const Row& r) { return text(r.sum.deallocations_total); }},
        {"deallocated_bytes_total", places, "Bytes ever released",
         [](const Row& r) { return text(r.sum.deallocated_bytes_total); }},
        {"allocation_failures_total", places, "Allocations that failed",
         [](const Row& r) { return text(r.sum.allocation_failures_total); }},
        {"gauge_bytes", places, "The part of live_bytes that is reported as absolute use",
         [](const Row& r) { return text(r.sum.gauge_bytes); }},
        {"exact", any, "1, or 0 where events were lost, or wait, or name more devices than there may be: of the process, else of everything",
         [](const Row& r) { return text(r.process ? r.process->exact : r.snapshot.exact); }},
        {"reported", whole | holders, "Events reported: the sum of the next four",
         [](const Row& r) { return text(events_of(r).reported); }},
        {"applied", whole | holders, "Events that are in the figures",
         [](const Row& r) { return text(events_of(r).applied); }},
        {"pending", whole | holders, "Events not yet in the figures",
         [](const Row& r) { return text(events_of(r).pending); }},
        {"coalesced", whole | holders, "Events that cancelled out in their process",
         [](const Row& r) { return text(events_of(r).coalesced); }},
        {"dropped", whole | holders, "Events that were lost", [](const Row& r) { return text(events_of(r).dropped); }},
        {"unknown_frees", whole | holders, "Frees of what was not live",
         [](const Row& r) { return text(events_of(r).unknown_frees); }},
        {"ambiguous_frees", whole | holders, "Frees by id alone of what was live more than once",
         [](const Row& r) { return text(events_of(r).ambiguous_frees); }},
        {"implicit_frees", whole | holders, "Allocations of what was live: a free was missed",
         [](const Row& r) { return text(events_of(r).implicit_frees); }},
        {"rejected", whole | holders, "Events that were invalid or beyond a limit",
         [](const Row& r) { return text(events_of(r).rejected); }},
        {"quarantined", holders, "1 where the process's segment is corrupt",
         [](const Row& r) { return text(r.process->quarantined); }},
        {"starved", holders, "1 where there is no room for the process's table",
         [](const Row& r) { return text(r.process->starved); }},
        {"processes", whole, "Processes tracked now", [](const Row& r) { return text(r.snapshot.processes.size()); }},
        {"quarantined_processes", whole, "Processes whose segment is corrupt",
         [](const Row& r) { return text(r.snapshot.quarantined_processes); }},
        {"waiting_processes", whole, "Processes there is no room to track",
         [](const Row& r) { return text(r.snapshot.waiting_processes); }},
        {"leaked_bytes", whole, "Held by the newest 256 ended processes at their end",
         leaked<&stats::Exited::leaked_bytes>},
        {"leaked_buffers", whole, "Held by the newest 256 ended processes at their end",
         leaked<&stats::Exited::leaked_buffers>},
        {"exited_total", whole, "Processes that ever ended",
         [](const Row& r) { return text(r.snapshot.exited_totals.processes); }},
        {"leaked_bytes_total", whole, "Held by all processes that ever ended, at their end",
         [](const Row& r) { return text(r.snapshot.exited_totals.leaked_bytes); }},
        {"leaked_buffers_total", whole, "Held by all processes that ever ended, at their end",
         [](const Row& r) { return text(r.snapshot.exited_totals.leaked_buffers); }},
        {"aggregator_pid", whole, "Process id of the aggregator",
         [](const Row& r) { return pid_text(r.snapshot.aggregator_pid); }},
        {"start_count", whole, "How often an aggregator has begun to serve this state",
         [](const Row& r) { return text(r.snapshot.start_count); }},
        {"publish_seq", whole, "How often counters were published",
         [](const Row& r) { return text(r.snapshot.publish_seq); }},
        {"publish_age_ns", whole, "Time since the last time",
         [](const Row& r) { return text(r.snapshot.publish_age_ns); }},
        {"heartbeat_age_ns", whole, "Time since the aggregator's last sign of life",
         [](const Row& r) { return text(r.snapshot.heartbeat_age_ns); }},
    };
    return fields;
}

std::vector<CsvRow> csv_rows_of(const stats::Snapshot& snapshot, RowKind kind) {
    switch (kind) {
        case RowKind::device: return device_rows(snapshot);
        case RowKind::memory: return memory_rows(snapshot);
        case RowKind::process: return process_rows(snapshot);
        case RowKind::usage: return usage_rows(snapshot);
        case RowKind::whole: break;
    }
    Row row{.snapshot = snapshot};
    for (const stats::Device& each : snapshot.devices) row.sum.add(each);
    return {row};
}

}  // namespace trackshm::tools
