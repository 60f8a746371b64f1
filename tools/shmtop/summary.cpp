// SPDX-License-Identifier: Apache-2.0
#include "shmtop/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <numeric>

namespace trackshm::tools {
namespace {

// An aggregator that did not turn for that long is stopped: it turns twice a second at least.
constexpr std::uint64_t stalled_after_ns = 3'000'000'000;

std::tm local_time(std::uint64_t time_unix_ns) {
    const auto seconds = static_cast<std::time_t>(time_unix_ns / 1'000'000'000);
    std::tm local{};
    localtime_r(&seconds, &local);
    return local;
}

// " on device 3", " on devices 3, 5, 7, 9", " on devices 3, 5, 7 and 2 more"
std::string devices_that_failed(const stats::Snapshot& snapshot) {
    constexpr std::size_t named_of_many = 3;
    std::vector<std::uint32_t> failed;
    for (const stats::Device& device : snapshot.devices) {
        if (device.allocation_failures_total() != 0) failed.push_back(device.device);
    }
    const std::size_t count = failed.size();
    const bool are_many = count > named_of_many + 1;
    if (are_many) failed.resize(named_of_many);
    return fmt::format(" on device{} {}{}", count == 1 ? "" : "s", fmt::join(failed, ", "),
                       are_many ? fmt::format(" and {} more", count - named_of_many) : "");
}

std::uint64_t allocation_failures(const stats::Snapshot& snapshot) {
    return std::accumulate(snapshot.devices.begin(), snapshot.devices.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& device) { return sum + device.allocation_failures_total(); });
}

}  // namespace

std::string clock_text(std::uint64_t time_unix_ns) {
    const std::tm local = local_time(time_unix_ns);
    return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

std::string date_text(std::uint64_t time_unix_ns) {
    const std::tm local = local_time(time_unix_ns);
    return fmt::format("{:04}-{:02}-{:02} {}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                       clock_text(time_unix_ns));
}

std::uint64_t age_ns(std::uint64_t now_unix_ns, std::uint64_t time_unix_ns) noexcept {
    return now_unix_ns > time_unix_ns ? now_unix_ns - time_unix_ns : 0;
}

std::string aggregator_text(const stats::Snapshot& snapshot) {
    std::string text = fmt::format("aggregator {}", snapshot.aggregator_pid);
    if (snapshot.start_count > 1) text += fmt::format(" (start {})", snapshot.start_count);
    return text;
}

std::string totals_text(const stats::Snapshot& snapshot, ByteUnit unit) {
    std::uint64_t live_bytes = 0;
    std::uint64_t live_buffers = 0;
    for (const stats::Device& device : snapshot.devices) {
        live_bytes += device.live_bytes();
        live_buffers += device.live_buffers();
    }
    const std::size_t processes = snapshot.processes.size();
    return fmt::format("{} live in {}, {} tracked, {} applied", format_bytes(live_bytes, unit),
                       format_count(live_buffers, "buffer"),
                       processes == 1 ? "1 process" : fmt::format("{} processes", processes),
                       format_count(snapshot.events.applied, "event"));
}

std::string standstill_text(const stats::Snapshot& snapshot) {
    if (!snapshot.aggregator_alive) {
        return fmt::format("THE AGGREGATOR IS GONE: figures are {} old; start shm_aggregator again",
                           format_duration(snapshot.publish_age_ns));
    }
    if (snapshot.heartbeat_age_ns > stalled_after_ns) {
        return fmt::format("The aggregator has not moved for {}: stopped or starved",
                           format_duration(snapshot.heartbeat_age_ns));
    }
    return {};
}

std::string_view exactness_text(const stats::Snapshot& snapshot) {
    if (!snapshot.exact) return "NOT EXACT";
    return standstill_text(snapshot).empty() ? "exact" : "was exact";
}

std::vector<Irregularity> irregularities(const stats::Snapshot& snapshot) {
    const stats::Events& events = snapshot.events;
    const auto processes = [&](auto&& predicate) {
        return static_cast<std::uint64_t>(std::count_if(snapshot.processes.begin(), snapshot.processes.end(), predicate));
    };
    const auto starved = processes([](const auto& process) { return process.starved; });
    const auto unknown_past = processes([](const auto& process) {
        return !process.exact && process.events.dropped == 0 && process.events.rejected == 0 && !process.quarantined &&
               !process.starved;
    });
    std::vector<Irregularity> all = {
        {"dropped", "dropped", events.dropped, true, "events were lost, processes marked ~ are off by them"},
        {"quarantined processes", "quarantined process", snapshot.quarantined_processes, true,
         "corrupt, figures marked Q are frozen"},
        {"waiting processes", "waiting process", snapshot.waiting_processes, true,
         "not tracked yet: see what the aggregator said"},
        {"starved processes", "starved process", starved, true, "events wait for room in /dev/shm: enlarge it"},
        {"processes not exact", "process not exact", unknown_past, true, "what they reported before is not known here: --fresh?"},
        {"allocation failures", "allocation failure", allocation_failures(snapshot), false,
         "Enter shows the last", devices_that_failed(snapshot)},
        {"rejected", "rejected", events.rejected, false, "devices, types or sizes beyond the limits were not counted"},
        {"unknown frees", "unknown free", events.unknown_frees, false,
         "buffers were freed twice, or not reported when allocated"},
        {"implicit frees", "implicit free", events.implicit_frees, false,
         "buffers came back without having been freed"},
        {"ambiguous frees", "ambiguous free", events.ambiguous_frees, false,
         "ids were live several times, the oldest was freed"},
        {"pending", "pending", events.pending, false, "reported but not yet in the figures"},
        {"coalesced", "coalesced", events.coalesced, false, "cancelled out while a ring was full, peaks are lower bounds"},
    };
    std::erase_if(all, [](const Irregularity& one) { return one.count == 0; });
    return all;
}

std::optional<double> used_ratio(const stats::TypeCounters& memory) noexcept {
    if (memory.capacity_bytes.value_or(0) == 0) return std::nullopt;
    return static_cast<double>(memory.live_bytes) / static_cast<double>(*memory.capacity_bytes);
}

bool was_ever_used(const stats::Device& device) noexcept {
    return device.live_bytes() != 0 || device.live_buffers() != 0 || device.peak_bytes != 0 ||
           device.allocation_failures_total() != 0;
}

std::string pid_text(std::int32_t pid) { return pid > 0 ? std::to_string(pid) : "?"; }

std::string_view end_text(const stats::Exited& ended) noexcept {
    if (ended.called_exec) return "called exec";
    return ended.clean ? "exited" : "killed/_exit";
}

char mark_of(const stats::Process& process) noexcept {
    if (process.quarantined) return 'Q';
    if (process.starved) return 'W';
    return process.exact ? ' ' : '~';
}

std::string legend_text(const stats::Snapshot& snapshot) {
    const auto any_process = [&](auto&& predicate) {
        return std::any_of(snapshot.processes.begin(), snapshot.processes.end(), predicate);
    };
    const auto has_mark = [&](char mark) {
        return any_process([mark](const auto& process) { return mark_of(process) == mark; });
    };
    std::string legend;
    if (has_mark('~')) legend += "  ~ not exact: events were lost or rejected";
    if (has_mark('Q')) legend += "  Q corrupt, figures frozen";
    if (has_mark('W')) legend += "  W events wait for room in /dev/shm";
    if (any_process([](const auto& process) { return !process.peak_exact; }) ||
        std::any_of(snapshot.devices.begin(), snapshot.devices.end(),
                    [](const auto& device) { return !device.peak_exact; })) {
        legend += "  > the peak was at least this";
    }
    if (snapshot.usage_rows_omitted != 0) {
        legend += fmt::format("  WHERE is incomplete: {} omitted", format_count(snapshot.usage_rows_omitted, "row"));
    }
    return legend.empty() ? legend : legend.substr(2);
}

}  // namespace trackshm::tools
