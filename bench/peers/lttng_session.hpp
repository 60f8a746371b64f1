// SPDX-License-Identifier: Apache-2.0
//
// A recording session of LTTng-UST that nobody else sees: a session daemon of our own, its files in a directory of
// their own. Neither a daemon that serves the machine nor its sockets are touched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "harness/process.hpp"

namespace trackshm::bench {

class LttngSession {
public:
    // Records all events of `provider` until the object ends. To be made before the process has a second thread; moves
    // the process into a mount namespace of its own where it is root. Throws where LTTng cannot run.
    explicit LttngSession(const std::string& provider);
    LttngSession(const LttngSession&) = delete;
    LttngSession& operator=(const LttngSession&) = delete;
    ~LttngSession();

    // Stops recording; returns once the consumer has written all there was.
    void stop();
    // How many events found their buffer full and were lost; after stop().
    std::uint64_t discarded_events() const;
    std::uint64_t trace_bytes() const;

private:
    // Runs lttng(1) and returns what it printed.
    std::string command(const std::vector<std::string>& arguments) const;
    void start_daemon();
    bool daemon_answers() const;

    std::filesystem::path directory_;
    Environment environment_;
    std::optional<Process> daemon_;
};

}  // namespace trackshm::bench
