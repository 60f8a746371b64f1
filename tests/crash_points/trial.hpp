// SPDX-License-Identifier: Apache-2.0
//
// One scenario, played again and again, each time with an aggregator that dies at another point:
//
//   casualty, late, folding and liar, tracked processes, report and end    once; their segments are kept (image.hpp)
//   survivor, another one, reports                                         in every trial
//   an aggregator takes all of it over and dies at point k                 store_trap.cpp
//   readers look at what it left; the survivor reports on, past the end of its ring if slots were released too early
//   a next aggregator takes over; its figures must be those of the rules   model.hpp
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "crash_points/image.hpp"
#include "crash_points/model.hpp"
#include "crash_points/store_trap.hpp"
#include "support/commands.hpp"
#include "support/script.hpp"

namespace trackshm::test {

using Commands = std::vector<std::string>;

// What the processes report while an aggregator is there to see it ("served"), and what after it is gone.
struct Scenario {
    Commands casualty_served;
    Commands casualty_unserved;
    bool casualty_loses_segment = false;  // somebody removes it: its table is all that is left
    Commands late;
    Commands folding;
    Commands liar_served;
    Commands liar_unserved;  // reports, none of which is applied: it lies after them
    Commands survivor_served;
    Commands survivor_unserved;
    Commands survivor_later;  // after the death
    std::string survivor_ring_events = "256";
    bool first_finds_no_room = false;  // the aggregator that dies: for any table to grow
};

struct Outcome {
    unsigned deaths = 0;  // of those asked for; a point past the last one is never reached
    std::string fault;    // empty if all is as it must be
};

class Stage {
public:
    explicit Stage(Scenario scenario);

    // Plays it without a death. The points passed; `fault` says how the figures differ from the model's.
    const std::vector<PointRecord>& rehearse(std::string& fault);

    // After a rehearsal: the first aggregator dies before point points[0], the next, if there is one, before points[1], and
    // so on; the last one goes on to the end.
    Outcome play(const std::vector<unsigned long>& points);

private:
    void prepare();
    void prepare_liar();
    Environment environment_of(bool is_first) const;
    Environment environment_to_die_at(unsigned long point, bool is_first) const;
    nlohmann::json rules() const;
    nlohmann::json perform(const std::vector<Environment>& aggregators, Outcome& outcome);
    void take_over(const Environment& environment, bool is_first, Outcome& outcome);
    std::string check_last_publication(bool is_first);
    std::string check_segments() const;
    std::string name_of(const nlohmann::json& row) const;
    nlohmann::json figures(nlohmann::json document) const;

    Scenario scenario_;
    Namespace name_space_;
    std::map<pid_t, std::string> names_;
    std::optional<Image> image_;
    nlohmann::json expected_;
    std::vector<PointRecord> trace_;                        // of the rehearsal
    struct Numbers {
        std::uint64_t counters = 0;
        std::uint64_t details = 0;
    };
    struct Publication {
        nlohmann::json document;
        nlohmann::json details;  // the same document, of nothing but the details
        Numbers numbers;
    };
    static Publication last_publication(const Namespace& name_space);
    using Known = std::map<std::uint64_t, nlohmann::json>;
    static std::string compare(Known& known, std::uint64_t number, const nlohmann::json& published);

    Numbers published_before_;  // in this trial, before anybody may die
    // By number from there: the same in every trial.
    Known known_counters_;
    Known known_details_;
};

// Where `actual` differs from what `expected` says; empty if it does not.
std::string difference(const nlohmann::json& expected, const nlohmann::json& actual, const std::string& path = "");

}  // namespace trackshm::test
