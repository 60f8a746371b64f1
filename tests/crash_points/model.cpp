// SPDX-License-Identifier: Apache-2.0
#include "crash_points/model.hpp"

#include <iterator>
#include <sstream>
#include <stdexcept>

namespace trackshm::test {

using nlohmann::json;

namespace {

const char* const type_names[] = {"DRAM", "L1", "SYSTEM_MEMORY", "L1_SMALL", "TRACE", "CIRCULAR_BUFFER"};

// The largest size of the class that a size belongs to.
std::uint64_t class_limit(std::uint64_t size) {
    std::uint64_t limit = 1;
    while (limit < size) limit *= 2;
    return limit;
}

unsigned to_unsigned(std::uint64_t number) { return static_cast<unsigned>(number); }

}  // namespace

void Model::carry_out(const std::string& name, const std::vector<std::string>& commands) {
    Process& process = processes_[name];
    process.name = name;
    for (const std::string& command : commands) {
        std::istringstream words(command);
        std::string verb;
        words >> verb;
        if (verb == "name") {
            unsigned device = 0;
            words >> device;
            words >> names_[device];
            devices_[device];
            ++process.reported;
            continue;
        }
        carry_out(process, verb, {std::istream_iterator<Number>(words), {}});
    }
}

void Model::carry_out(Process& process, const std::string& verb, const std::vector<Number>& n) {
    const auto place = [&](std::size_t device, std::size_t type) { return Place{n.at(device), n.at(type)}; };
    const auto any = [](const Buffer&) { return true; };
    if (verb.starts_with("folded")) {
        if (verb == "folded_pairs") {
            Memory& memory = memories_[place(0, 1)];
            devices_[to_unsigned(n[0])];
            memory.allocations += n[2];
            memory.deallocations += n[2];
            memory.allocated += n[3];
            memory.deallocated += n[3];
        } else if (verb == "folded_frees") {
            process.implicit += n[0];
            process.ambiguous += n[1];
        } else {
            free_every(process, n.at(0), any);
        }
        return;
    }
    if (verb == "coalesced_reports") {
        process.coalesced += n.at(0);
        process.reported += n[0];
        return;
    }
    if (verb == "lowered_usage") {
        const Place gauge = place(0, 1);
        return set_gauge(process, gauge, std::min(process.usage[gauge].gauge, n.at(2)));
    }
    if (verb == "fill") {  // by one thread
        for (Number i = 0; i < n[1]; ++i) allocate(process, place(2, 3), n[5], n[4] + i);
        process.reported += n[1];
        return;
    }
    if (verb == "empty") {
        for (Number i = 0; i < n[1]; ++i) carry_out(process, "free", {n[0] + i});
        return;
    }
    ++process.reported;
    std::size_t found = 1;
    if (verb == "alloc") {
        allocate(process, place(0, 2), n[1], n[3]);
    } else if (verb == "free") {
        found = free_oldest(process, n.at(0), any);
        process.ambiguous += found > 1;
    } else if (verb == "free_on") {
        found = free_oldest(process, n.at(1), [&](const Buffer& b) { return b.place.first == n[0]; });
    } else if (verb == "free_of") {
        found = free_oldest(process, n.at(2), [&](const Buffer& b) { return b.place == place(0, 1); });
    } else if (verb == "free_all") {
        found = free_every(process, n.at(0), any);
    } else if (verb == "close") {
        free_everywhere(process, [&](const Buffer& b) { return b.place.first == n.at(0); });
        for (auto& [where, usage] : process.usage) {
            if (where.first == n[0]) set_gauge(process, where, 0);
        }
    } else if (verb == "usage") {
        set_gauge(process, place(0, 1), n[2]);
    } else if (verb == "fail") {
        ++memories_[place(0, 2)].failures;
        Device& device = devices_[to_unsigned(n[0])];
        device.last_failure = {{"who", process.name},
                               {"size_bytes", n.at(1)},
                               {"type", type_names[n[2]]},
                               {"count", ++device.failures}};
    } else if (verb == "memory") {
        memories_[place(0, 1)].capacity = n[2];
        devices_[to_unsigned(n[0])];
    } else {
        throw std::invalid_argument("the model knows no " + verb);
    }
    process.unknown += found == 0;
}

void Model::change(Process& process, Place place, Number more, Number less) {
    Device& device = devices_[place.first];
    const Number peak_before = device.level.peak;
    for (Level* level : {&process.level, &process.usage[place].level, &memories_[place].level, &device.level}) {
        level->add(more);
        level->subtract(less);
    }
    device.shares[{process.name, place.second}] += more - less;
    if (device.level.peak != peak_before) device.at_peak = device.shares;
}

void Model::allocate(Process& process, Place place, Number bytes, Number id) {
    process.implicit += free_oldest(process, id, [&](const Buffer& b) { return b.place == place; });
    process.buffers[id].push_back({place, bytes});
    ++process.live_buffers;
    ++process.usage[place].buffers;
    Memory& memory = memories_[place];
    ++memory.allocations;
    memory.allocated += bytes;
    ++memory.allocated_by_class[class_limit(bytes)];
    change(process, place, bytes, 0);
}

void Model::set_gauge(Process& process, Place place, Number bytes) {
    Usage& usage = process.usage[place];
    const Number before = std::exchange(usage.gauge, bytes);
    change(process, place, bytes > before ? bytes - before : 0, bytes < before ? before - bytes : 0);
}

template <class Matches>
std::size_t Model::free_oldest(Process& process, Number id, Matches&& matches) {
    std::vector<Buffer>& buffers = process.buffers[id];
    const auto count = std::count_if(buffers.begin(), buffers.end(), matches);
    const auto oldest = std::find_if(buffers.begin(), buffers.end(), matches);
    if (oldest == buffers.end()) return 0;
    const Buffer buffer = *oldest;
    buffers.erase(oldest);
    --process.live_buffers;
    --process.usage[buffer.place].buffers;
    Memory& memory = memories_[buffer.place];
    ++memory.deallocations;
    memory.deallocated += buffer.bytes;
    change(process, buffer.place, 0, buffer.bytes);
    return static_cast<std::size_t>(count);
}

template <class Matches>
std::size_t Model::free_every(Process& process, Number id, Matches&& matches) {
    std::size_t freed = 0;
    while (free_oldest(process, id, matches) > 0) ++freed;
    return freed;
}

template <class Matches>
void Model::free_everywhere(Process& process, Matches&& matches) {
    for (auto& entry : process.buffers) free_every(process, entry.first, matches);
}

void Model::lie(const std::string& name, Number lost) {
    ++quarantined_;
    processes_.at(name).reported += lost;
    processes_.at(name).dropped += lost;
}

void Model::end(const std::string& name, bool clean, bool exact) {
    Process& process = processes_.at(name);
    exited_.push_back({{"who", name},
                       {"clean", clean},
                       {"exact", exact && process.dropped == 0},
                       {"leaked_bytes", process.level.live},
                       {"leaked_buffers", process.live_buffers},
                       {"peak_bytes", process.level.peak}});
    free_everywhere(process, [](const Buffer&) { return true; });
    for (auto& [place, usage] : process.usage) set_gauge(process, place, 0);
    ended_reported_ += process.reported;
    ended_unknown_ += process.unknown;
    ended_ambiguous_ += process.ambiguous;
    ended_coalesced_ += process.coalesced;
    ended_dropped_ += process.dropped;
    ended_implicit_ += process.implicit;
    processes_.erase(name);
}

json Model::at_peak(const Device& device) const {
    if (device.level.peak == 0) return nullptr;
    json holders = json::array();
    for (const auto& [share, bytes] : device.at_peak) {
        if (bytes == 0) continue;
        holders.push_back({{"who", share.first},
                           {"type", type_names[share.second]},
                           {"bytes", bytes},
                           {"ended", !processes_.contains(share.first)}});
    }
    std::sort(holders.begin(), holders.end(), [](const json& a, const json& b) {
        return std::pair(a.at("who"), a.at("type")) < std::pair(b.at("who"), b.at("type"));
    });
    return {{"bytes", device.level.peak}, {"holders", holders}, {"rest_bytes", 0}};
}

json Model::size_histogram(Place place) const {
    Classes live;
    for (const auto& process : processes_) {
        for (const auto& id : process.second.buffers) {
            for (const Buffer& buffer : id.second) live[class_limit(buffer.bytes)] += buffer.place == place ? 1 : 0;
        }
    }
    json classes = json::array();
    for (const auto& [limit, allocated] : memories_.at(place).allocated_by_class) {
        classes.push_back({{"le_bytes", limit}, {"allocated_total", allocated}, {"live", live[limit]}});
    }
    return classes;
}

json Model::figures() const {
    json result;
    Number reported = ended_reported_, coalesced = ended_coalesced_, dropped = ended_dropped_, unknown = ended_unknown_,
           ambiguous = ended_ambiguous_, implicit = ended_implicit_;
    json processes = json::array();
    for (const auto& [name, process] : processes_) {
        json usage = json::array();
        for (const auto& [place, used] : process.usage) {
            usage.push_back({{"device", place.first},
                             {"type", type_names[place.second]},
                             {"live_bytes", used.level.live},
                             {"live_buffers", used.buffers},
                             {"peak_bytes", used.level.peak}});
        }
        processes.push_back({{"who", name},
                             {"exact", true},
                             {"quarantined", false},
                             {"live_bytes", process.level.live},
                             {"live_buffers", process.live_buffers},
                             {"peak_bytes", process.level.peak},
                             {"reported", process.reported},
                             {"applied", process.reported - process.coalesced},
                             {"pending", 0},
                             {"coalesced", process.coalesced},
                             {"dropped", 0},
                             {"rejected", 0},
                             {"unknown_frees", process.unknown},
                             {"ambiguous_frees", process.ambiguous},
                             {"implicit_frees", process.implicit},
                             {"devices", usage}});
        reported += process.reported;
        coalesced += process.coalesced;
        unknown += process.unknown;
        ambiguous += process.ambiguous;
        implicit += process.implicit;
    }
    Number leaked_bytes = 0, leaked_buffers = 0;
    for (const json& ended : exited_) {
        leaked_bytes += ended.at("leaked_bytes").get<Number>();
        leaked_buffers += ended.at("leaked_buffers").get<Number>();
    }
    json devices = json::array();
    for (const auto& [device, account] : devices_) {
        json types = json::array();
        for (const auto& [place, memory] : memories_) {
            if (place.first != device) continue;
            types.push_back({{"type", type_names[place.second]},
                             {"live_bytes", memory.level.live},
                             {"live_buffers", memory.allocations - memory.deallocations},
                             {"peak_bytes", memory.level.peak},
                             {"capacity_bytes", memory.capacity},
                             {"allocations_total", memory.allocations},
                             {"allocated_bytes_total", memory.allocated},
                             {"deallocations_total", memory.deallocations},
                             {"deallocated_bytes_total", memory.deallocated},
                             {"allocation_failures_total", memory.failures},
                             {"size_histogram", size_histogram(place)}});
        }
        const auto name = names_.find(device);
        devices.push_back({{"device", device},
                           {"name", name == names_.end() ? "" : name->second},
                           {"live_bytes", account.level.live},
                           {"peak_bytes", account.level.peak},
                           {"at_peak", at_peak(account)},
                           {"last_failure", account.last_failure},
                           {"types", types}});
    }
    return {{"aggregator", {{"exact", true}}},
            {"events",
             {{"reported", reported},
              {"applied", reported - coalesced - dropped},
              {"pending", 0},
              {"coalesced", coalesced},
              {"dropped", dropped},
              {"unknown_frees", unknown},
              {"ambiguous_frees", ambiguous},
              {"implicit_frees", implicit},
              {"rejected", 0},
              {"quarantined_processes", quarantined_}}},
            {"devices", devices},
            {"processes", processes},
            {"exited", exited_},
            {"exited_total", exited_.size()},
            {"leaked_bytes_total", leaked_bytes},
            {"leaked_buffers_total", leaked_buffers}};
}

}  // namespace trackshm::test
