// SPDX-License-Identifier: Apache-2.0
#include "shmtrace/chrome_trace.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/text.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* process_track = "live bytes";

}  // namespace

void ChromeTrace::add(const stats::Snapshot& snapshot) {
    if (!has_begun_) begin(snapshot);
    now_us_ = std::max(now_us_, time_us(snapshot.time_unix_ns));  // the clock may have been set back
    add_devices(snapshot);
    add_processes(snapshot);
    add_ends(snapshot);
}

std::string ChromeTrace::finish() {
    for (const auto& [track, series] : shown_) write_counter(track, series, now_us_);
    name_devices();
    const Json document = {{"displayTimeUnit", "ms"},
                           {"otherData", {{"namespace", name_space_}, {"start_unix_ns", start_unix_ns_}}},
                           {"traceEvents", std::move(events_)}};
    return document.dump() + "\n";
}

void ChromeTrace::begin(const stats::Snapshot& snapshot) {
    has_begun_ = true;
    name_space_ = snapshot.name_space;
    start_unix_ns_ = snapshot.time_unix_ns;
    devices_pid_ = snapshot.aggregator_pid;
    name_process(devices_pid_, "devices of namespace " + printable(snapshot.name_space));
    events_.push_back({{"ph", "M"}, {"name", "process_sort_index"}, {"pid", devices_pid_}, {"args", {{"sort_index", -1}}}});
}

void ChromeTrace::add_devices(const stats::Snapshot& snapshot) {
    for (const stats::Device& device : snapshot.devices) {
        Json series = Json::object();
        for (const stats::TypeCounters& memory : device.types) {
            series[std::string(stats::type_name(memory.type))] = memory.live_bytes;
        }
        const std::string track = fmt::format("device {}", device.device);
        if (!device.name.empty()) device_names_[track] = fmt::format("{} {}", track, printable(device.name));
        if (!series.empty()) count({devices_pid_, track}, std::move(series));
    }
}

// A device that is described late is one track all the same.
void ChromeTrace::name_devices() {
    for (Json& event : events_) {
        if (event.at("ph") != "C" || event.at("pid") != devices_pid_) continue;
        const auto named = device_names_.find(event.at("name").get<std::string>());
        if (named != device_names_.end()) event["name"] = named->second;
    }
}

void ChromeTrace::add_processes(const stats::Snapshot& snapshot) {
    std::map<std::int32_t, std::map<std::uint32_t, std::uint64_t>> held;  // by pid and device
    for (const stats::Process& process : snapshot.processes) {
        name_process(process.pid, printable(process.comm));
        auto& devices = held[process.pid];
        for (const stats::Usage& usage : process.usage) devices[usage.device] += usage.live_bytes;
    }
    for (const auto& [track, series] : shown_) {  // what was held once is to go down to zero, not to stay
        if (track.first == devices_pid_ && track.second != process_track) continue;
        held.try_emplace(track.first);
    }
    for (const auto& [pid, devices] : held) {
        const Track track{pid, process_track};
        const auto before = shown_.find(track);
        Json series = before == shown_.end() ? Json::object() : before->second;
        for (auto& bytes : series) bytes = 0;
        for (const auto& [device, bytes] : devices) series[fmt::format("device {}", device)] = bytes;
        if (!series.empty()) count(track, std::move(series));
    }
}

void ChromeTrace::add_ends(const stats::Snapshot& snapshot) {
    for (const stats::Exited& ended : snapshot.exited) {
        if (ended.end_unix_ns < start_unix_ns_ || !ended_.emplace(ended.pid, ended.end_unix_ns).second) continue;
        if (!named_.contains(ended.pid)) name_process(ended.pid, printable(ended.comm));
        events_.push_back({{"ph", "i"},
                           {"s", "p"},
                           {"name", ended.called_exec ? "called exec" : ended.clean ? "ended" : "ended without exit()"},
                           {"pid", ended.pid},
                           {"tid", ended.pid},
                           {"ts", time_us(ended.end_unix_ns)},
                           {"args",
                            {{"leaked_bytes", ended.leaked_bytes},
                             {"leaked_buffers", ended.leaked_buffers},
                             {"peak_bytes", ended.peak_bytes}}}});
    }
}

void ChromeTrace::name_process(std::int32_t pid, const std::string& name) {
    const auto [shown, is_new] = named_.try_emplace(pid, name);
    const bool is_of_several = pid == 0;  // of all that the aggregator cannot see
    if (!is_new && (shown->second == name || is_of_several)) return;
    shown->second = name;
    events_.push_back({{"ph", "M"}, {"name", "process_name"}, {"pid", pid}, {"args", {{"name", name}}}});
}

// A counter keeps its value until the next event: only changes are written.
void ChromeTrace::count(const Track& track, Json series) {
    Json& shown = shown_[track];
    if (shown == series) return;
    write_counter(track, series, now_us_);
    shown = std::move(series);
}

void ChromeTrace::write_counter(const Track& track, const Json& series, double time_us) {
    events_.push_back(
        {{"ph", "C"}, {"name", track.second}, {"pid", track.first}, {"ts", time_us}, {"args", series}});
}

double ChromeTrace::time_us(std::uint64_t unix_ns) const {
    return unix_ns < start_unix_ns_ ? 0 : static_cast<double>(unix_ns - start_unix_ns_) / 1000;
}

}  // namespace trackshm::tools
