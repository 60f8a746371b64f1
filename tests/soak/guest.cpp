// SPDX-License-Identifier: Apache-2.0
#include "soak/guest.hpp"

#include <sys/resource.h>

#include <csignal>
#include <stdexcept>
#include <thread>

namespace trackshm::test {

namespace {

constexpr const char* hold_some = "fill 2 500 77 0 1 64";

}  // namespace

const char* Guest::name_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::execs: return "execs";
        case Kind::clones: return "clones";
        case Kind::spawns: return "spawns";
        case Kind::lies: return "lies";
        case Kind::runs_short: break;
    }
    return "runs short of files";
}

Guest::Guest(const Namespace& name_space, Kind kind, std::uint64_t seed)
    : program_(name_space, {{"TRACKSHM_RING_EVENTS", "256"}}) {
    program_(hold_some);
    switch (kind) {
        case Kind::execs: exec(); break;
        case Kind::clones: clone(); break;
        case Kind::spawns: program_("vfork true"); break;
        case Kind::lies: lie(name_space, seed); break;
        case Kind::runs_short: run_short(); break;
    }
}

Guest::~Guest() {
    scribbling_.reset();
    if (child_ != 0) ::kill(child_, SIGKILL);
    program_.child().kill();
}

void Guest::exec() {
    program_.send("exec " + in_shell(SCRIPT_PROGRAM_PATH));
    program_.answer();
    program_(hold_some);
}

void Guest::clone() {
    program_.send("clone 1");
    child_ = static_cast<pid_t>(std::stol(program_("alloc 77 5 0 9000")));
}

// It opens no more files and makes none longer, its segment the least, and has more to say than its ring holds.
void Guest::run_short() {
    constexpr rlimit no_files{0, 0};
    constexpr rlimit short_files{65536, 65536};  // long enough for its answers
    const bool is_limited = prlimit(program_.pid(), RLIMIT_NOFILE, &no_files, nullptr) == 0 &&
                            prlimit(program_.pid(), RLIMIT_FSIZE, &short_files, nullptr) == 0;
    if (!is_limited) throw std::runtime_error("a guest's limits cannot be set");
    program_("fill 1 3000 77 1 9000 64");
}

void Guest::lie(const Namespace& name_space, std::uint64_t seed) {
    program_.sync();
    segment_ = std::make_unique<ForeignSegment>(name_space, program_.pid());
    scribbling_ = std::make_unique<Meanwhile>([this, random = Random(seed)]() mutable {
        std::this_thread::sleep_for(random.microseconds_below(100));  // the cores are the others'
        // Positions alone: slots and counters could tell of any number of events, and the report would count them.
        segment_->lane(static_cast<std::uint32_t>(random.below(3))).write_position += random.below(512) - 256;
    });
}

}  // namespace trackshm::test
