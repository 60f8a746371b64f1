// SPDX-License-Identifier: Apache-2.0
//
// Programs that are not ours: whether they are installed, what they print, how long they take.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/process.hpp"

namespace trackshm::bench {

// Where a program is. /usr/bin comes before PATH: there, a manager of versions may have put a shell script that starts
// the real one.
std::optional<std::string> find_program(const std::string& name);

struct ProgramRun {
    int exit_status = 0;  // as waitpid has it
    std::string output;   // stdout and stderr
    double wall_ms = 0;   // from before it was started until it was seen to have ended
};

// Runs a program to its end; throws if that does not come in time.
ProgramRun run_program(const std::string& program, const std::vector<std::string>& arguments,
                       const Environment& environment, std::chrono::milliseconds timeout);

// A new directory in TMPDIR or /tmp.
std::filesystem::path make_temporary_directory(const std::string& purpose);

// One that goes with the object, and everything in it.
class TemporaryDirectory {
public:
    explicit TemporaryDirectory(const std::string& purpose) : path_(make_temporary_directory(purpose)) {}
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace trackshm::bench
