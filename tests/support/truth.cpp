// SPDX-License-Identifier: Apache-2.0
#include "support/truth.hpp"

#include <array>

#include "support/commands.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr std::array totals{"live_bytes",          "live_buffers",
                            "allocations_total",   "allocated_bytes_total",
                            "deallocations_total", "deallocated_bytes_total"};
constexpr std::array events{"reported", "unknown_frees", "ambiguous_frees", "implicit_frees"};

std::string type_name(unsigned type) {
    const char* const names[] = {"DRAM",   "L1",  "SYSTEM_MEMORY", "L1_SMALL", "TRACE", "CIRCULAR_BUFFER",
                                 "KERNEL", "HOST"};
    return type < std::size(names) ? names[type] : "TYPE_" + std::to_string(type);
}

std::string difference(const std::string& what, const json& actual, const json& expected) {
    return actual == expected ? "" : what + " is " + actual.dump() + ", not " + expected.dump() + "\n";
}

json usage_of(const json& process, unsigned device, const std::string& type) {
    for (const json& row : process.at("devices")) {
        if (row.at("device") == device && row.at("type") == type) return row;
    }
    return {{"live_bytes", 0}, {"live_buffers", 0}};
}

std::uint64_t sum_of(const json& truth, const char* key) {
    std::uint64_t sum = 0;
    for (const json& memory : truth.at("memories")) sum += memory.at(key).get<std::uint64_t>();
    return sum;
}

}  // namespace

std::string process_differences(const json& snapshot, const json& truth) {
    const std::string who = "process " + truth.at("pid").dump() + ": ";
    const json row = process_row(snapshot, truth.at("pid"));
    if (row.is_null()) return who + "not shown\n";
    std::string result = difference(who + "exact", row.at("exact"), true) +
                         difference(who + "reported", row.at("reported"), truth.at("reported")) +
                         difference(who + "pending", row.at("pending"), 0) +
                         difference(who + "live_bytes", row.at("live_bytes"), sum_of(truth, "live_bytes")) +
                         difference(who + "live_buffers", row.at("live_buffers"), sum_of(truth, "live_buffers")) +
                         difference(who + "unknown_frees", row.at("unknown_frees"), truth.at("unknown_frees"));
    const bool peaks_known = truth.contains("peak_bytes") && row.at("peak_exact") == true;
    if (peaks_known) result += difference(who + "peak_bytes", row.at("peak_bytes"), truth.at("peak_bytes"));
    for (const json& memory : truth.at("memories")) {
        const unsigned device = memory.at("device");
        const std::string type = type_name(memory.at("type"));
        const std::string where = who + "device " + std::to_string(device) + " " + type + ": ";
        const json usage = usage_of(row, device, type);
        for (const char* key : {"live_bytes", "live_buffers"}) {
            result += difference(where + key, usage.at(key), memory.at(key));
        }
        if (peaks_known && usage.contains("peak_bytes")) {
            result += difference(where + "peak_bytes", usage.at("peak_bytes"), memory.at("peak_bytes"));
        }
    }
    return result;
}

std::string exited_differences(const json& snapshot, const json& truth) {
    const std::string who = "record of process " + truth.at("pid").dump() + ": ";
    const json record = exited_row(snapshot, truth.at("pid"));
    if (record.is_null()) return who + "not there\n";
    return difference(who + "leaked_bytes", record.at("leaked_bytes"), sum_of(truth, "live_bytes")) +
           difference(who + "leaked_buffers", record.at("leaked_buffers"), sum_of(truth, "live_buffers")) +
           difference(who + "exact", record.at("exact"), true);
}

void Expected::add(const json& truth, bool ended) {
    for (const json& memory : truth.at("memories")) {
        Counts& counts = memories_[{memory.at("device"), type_name(memory.at("type"))}];
        for (const char* key : totals) {
            const bool is_live = std::string(key).starts_with("live");
            // The end of a process frees all it allocated.
            std::string source = key;
            if (ended && source.starts_with("dealloc")) source.erase(0, 2);
            counts[key] += ended && is_live ? 0 : memory.at(source).get<std::uint64_t>();
        }
    }
    for (const char* key : events) events_[key] += truth.at(key).get<std::uint64_t>();
}

void Expected::start_from(const json& snapshot) {
    memories_.clear();
    for (const json& device : snapshot.at("devices")) {
        for (const json& type : device.at("types")) {
            Counts& counts = memories_[{device.at("device"), type.at("type")}];
            for (const char* key : totals) counts[key] = type.at(key);
        }
    }
    for (const char* key : events) events_[key] = snapshot.at("events").at(key);
}

// A device's own figures are those of its memories, and it has no memory nobody knows of.
std::string Expected::device_differences(const json& device) const {
    const std::string where = "device " + device.at("device").dump() + ": ";
    std::string result;
    Counts sums;
    for (const json& type : device.at("types")) {
        for (const char* key : totals) sums[key] += type.at(key).get<std::uint64_t>();
        const bool is_known = memories_.contains({device.at("device"), type.at("type")});
        if (!is_known) result += where + "has " + type.at("type").dump() + ", of which nobody knows\n";
    }
    for (const auto& [key, value] : sums) result += difference(where + key, device.at(key), value);
    return result;
}

std::string Expected::differences(const json& snapshot) const {
    std::string result = imbalance(snapshot);
    if (!result.empty()) result += '\n';
    for (const auto& [memory, counts] : memories_) {
        const auto& [device, type] = memory;
        const std::string where = "device " + std::to_string(device) + " " + type + ": ";
        const json row = type_row(snapshot, device, type);
        if (row.is_null()) {
            result += where + "not shown\n";
            continue;
        }
        for (const auto& [key, value] : counts) result += difference(where + key, row.at(key), value);
    }
    for (const json& device : snapshot.at("devices")) result += device_differences(device);
    for (const auto& [key, value] : events_) result += difference(key, snapshot.at("events").at(key), value);
    return result;
}

}  // namespace trackshm::test
