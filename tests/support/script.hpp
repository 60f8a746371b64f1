// SPDX-License-Identifier: Apache-2.0
//
// A tracked process that does what a test tells it, command by command: see tests/programs/script_program.cpp.
#pragma once

#include <string>

#include "support/child.hpp"
#include "support/namespace.hpp"

namespace trackshm::test {

class Script {
public:
    explicit Script(const Namespace& name_space, const Environment& more = {});

    // Returns once the command has been carried out, with what it answered.
    std::string operator()(const std::string& command);
    // For commands that never answer (exit, abort, exec).
    void send(const std::string& command) { child_.write_line(command); }
    // The next "ok" line, as after an exec into another script_program.
    std::string answer();

    // Waits until all it reported is published; throws if that fails.
    void sync();
    // Ends it by returning from main.
    ExitStatus finish();

    pid_t pid() const { return child_.pid(); }
    // As the kernel names it: an emulator's name where the tests are of another architecture.
    const std::string& comm() const { return comm_; }
    Child& child() { return child_; }

private:
    Child child_;
    std::string comm_;
};

}  // namespace trackshm::test
