// SPDX-License-Identifier: Apache-2.0
//
// A tracked process beside the workers of a soak's round that does what they do not: becomes another program, starts
// others, lies, or may open and lengthen no more files. What it holds is nobody's concern, as long as it changes no
// worker's figure and goes with it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "soak/chaos.hpp"
#include "support/foreign_segment.hpp"
#include "support/script.hpp"

namespace trackshm::test {

class Guest {
public:
    enum class Kind { execs, clones, spawns, lies, runs_short };
    static constexpr Kind kinds[] = {Kind::execs, Kind::clones, Kind::spawns, Kind::lies, Kind::runs_short};
    static const char* name_of(Kind kind) noexcept;

    // A liar waits for the aggregator, which must be serving: what nobody saw before it lied would not be taken up.
    Guest(const Namespace& name_space, Kind kind, std::uint64_t seed);
    ~Guest();  // by SIGKILL, with all it started
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

private:
    void exec();
    void clone();
    void run_short();
    void lie(const Namespace& name_space, std::uint64_t seed);

    Script program_;
    pid_t child_ = 0;
    std::unique_ptr<ForeignSegment> segment_;
    std::unique_ptr<Meanwhile> scribbling_;
};

}  // namespace trackshm::test
