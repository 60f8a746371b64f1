// SPDX-License-Identifier: Apache-2.0
//
// The rules, once more and in the simplest way: what the figures must be after commands that tracked processes carried
// out one after another. Commands are those of script_program and folding_program.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace trackshm::test {

class Model {
public:
    using Number = std::uint64_t;

    void carry_out(const std::string& process, const std::vector<std::string>& commands);
    // `exact`: unless it may have said more than anybody heard.
    void end(const std::string& process, bool clean, bool exact = true);
    // It has reported so much more, and then something no honest process says: it is quarantined, and that is lost.
    void lie(const std::string& process, Number lost);

    // The figures as `shmtop --json` names them: its fields, less those the rules say nothing of. Processes and exited
    // ones are listed by name, as "who".
    nlohmann::json figures() const;

private:
    using Place = std::pair<unsigned, unsigned>;  // device and type

    struct Level {
        Number live = 0;
        Number peak = 0;
        void add(Number bytes) { peak = std::max(peak, live += bytes); }
        void subtract(Number bytes) { live -= bytes; }
    };
    using Share = std::pair<std::string, unsigned>;  // who holds it, and in which type
    struct Device {
        Level level;
        std::map<Share, Number> shares;
        std::map<Share, Number> at_peak;
        Number failures = 0;
        nlohmann::json last_failure = nullptr;
    };
    using Classes = std::map<Number, Number>;  // buffers by the largest size of their class
    struct Memory {
        Level level;
        Classes allocated_by_class;
        Number allocations = 0, allocated = 0, deallocations = 0, deallocated = 0, failures = 0;
        nlohmann::json capacity = nullptr;
    };
    struct Buffer {
        Place place;
        Number bytes;
    };
    struct Usage {
        Level level;
        Number buffers = 0;
        Number gauge = 0;
    };
    struct Process {
        std::string name;
        std::map<Number, std::vector<Buffer>> buffers;  // by id, oldest first
        std::map<Place, Usage> usage;
        Level level;
        Number live_buffers = 0;
        Number reported = 0, coalesced = 0, dropped = 0, unknown = 0, ambiguous = 0, implicit = 0;
    };

    void carry_out(Process& process, const std::string& verb, const std::vector<Number>& n);
    void allocate(Process& process, Place place, Number bytes, Number id);
    void set_gauge(Process& process, Place place, Number bytes);
    void change(Process& process, Place place, Number more, Number less);
    nlohmann::json at_peak(const Device& device) const;
    nlohmann::json size_histogram(Place place) const;
    // Frees the oldest buffer of the id that matches; how many there were.
    template <class Matches>
    std::size_t free_oldest(Process& process, Number id, Matches&& matches);
    template <class Matches>
    std::size_t free_every(Process& process, Number id, Matches&& matches);
    template <class Matches>
    void free_everywhere(Process& process, Matches&& matches);

    std::map<std::string, Process> processes_;
    std::map<Place, Memory> memories_;
    std::map<unsigned, Device> devices_;
    std::map<unsigned, std::string> names_;
    nlohmann::json exited_ = nlohmann::json::array();
    Number quarantined_ = 0;
    Number ended_reported_ = 0, ended_coalesced_ = 0, ended_dropped_ = 0, ended_unknown_ = 0, ended_ambiguous_ = 0,
           ended_implicit_ = 0;
};

}  // namespace trackshm::test
