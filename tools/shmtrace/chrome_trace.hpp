// SPDX-License-Identifier: Apache-2.0
//
// Snapshots as a trace for Perfetto and chrome://tracing: what every device and every process held over time.
//
// Counters ("ph":"C") of devices, one series per memory, belong to the aggregator's process; those of a process, one
// series per device, to that process. The end of a process is an instant event ("ph":"i") in it. Times are microseconds
// from the first frame.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

class ChromeTrace {
public:
    // Frames in the order of their time.
    void add(const stats::Snapshot& snapshot);

    // The document, newline included. Ends the trace: every counter gets its last value once more.
    std::string finish();

private:
    using Json = nlohmann::ordered_json;
    using Track = std::pair<std::int32_t, std::string>;  // of a process, by its name

    void begin(const stats::Snapshot& snapshot);
    void add_devices(const stats::Snapshot& snapshot);
    void name_devices();
    void add_processes(const stats::Snapshot& snapshot);
    void add_ends(const stats::Snapshot& snapshot);
    void name_process(std::int32_t pid, const std::string& name);
    void count(const Track& track, Json series);
    void write_counter(const Track& track, const Json& series, double time_us);
    double time_us(std::uint64_t unix_ns) const;

    Json events_ = Json::array();
    std::string name_space_;
    std::uint64_t start_unix_ns_ = 0;
    double now_us_ = 0;
    std::int32_t devices_pid_ = 0;
    std::map<std::int32_t, std::string> named_;  // as last written: a pid may come back
    std::set<std::pair<std::int32_t, std::uint64_t>> ended_;  // pid and when
    std::map<Track, Json> shown_;                             // the last value of every counter
    std::map<std::string, std::string> device_names_;         // tracks of devices, and what they are called by now
    bool has_begun_ = false;
};

}  // namespace trackshm::tools
