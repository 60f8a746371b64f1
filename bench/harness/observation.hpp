// SPDX-License-Identifier: Apache-2.0
//
// What a role can see of its aggregator from outside: the counters, its CPU time and memory, the files in /dev/shm.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <trackshm/stats.hpp>

namespace trackshm::bench {

// The namespace this process reports to.
std::string own_namespace();

class Counters {
public:
    Counters();  // of own_namespace(); throws if there is nothing to read

    const stats::Snapshot& read();
    // Reads until `events` are applied in all; throws after a minute.
    void wait_until_applied(std::uint64_t events);

private:
    std::optional<stats::Reader> reader_;
    stats::Snapshot snapshot_;
};

// How much of one core a process takes in the time to come.
double busy_percent(pid_t pid, std::chrono::milliseconds time);

// Memory that is a process's alone: without what it maps of /dev/shm and of files.
std::uint64_t private_bytes(pid_t pid);

// Storage that the files of own_namespace() take whose names go on with `prefix`, holes and untouched pages left out.
// ".p.<pid>." is a process's segment, ".l.<pid>." its buffer table.
std::uint64_t shm_bytes(const std::string& prefix);

}  // namespace trackshm::bench
