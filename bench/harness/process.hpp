// SPDX-License-Identifier: Apache-2.0
//
// The processes of an experiment. Tracking is decided once per process from the environment, so every measured
// configuration runs in a process of its own: the driver, executed again with `--child ROLE`, which sends its figures
// back as JSON over a pipe.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "harness/machine.hpp"
#include "harness/statistics.hpp"
#include "trackshm/stats.hpp"

namespace trackshm::bench {

// From now on SIGINT and SIGTERM make the waits below throw, so that everything is cleaned up on the way out.
void throw_on_interrupt();

using Environment = std::vector<std::pair<std::string, std::string>>;

// A process we started. It dies with us, and no later than this object.
class Process {
public:
    struct Setup {
        std::string program;
        std::vector<std::string> arguments;
        Environment environment;  // on top of ours without any variable of the library
        std::optional<Core> core;
        int inherited_fd = -1;    // stays open in the process
        int output_fd = -1;       // becomes its stdout; -1: ours
        int error_fd = -1;        // becomes its stderr; -1: ours
    };

    explicit Process(const Setup& setup);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    pid_t pid() const noexcept { return pid_; }
    void signal(int number) const noexcept;
    // The wait status; nothing if it still runs after `timeout`.
    std::optional<int> wait(std::chrono::milliseconds timeout);

private:
    pid_t pid_ = -1;
    int pidfd_ = -1;
    std::optional<int> status_;
};

// A namespace nobody else uses; its files leave /dev/shm with this object.
class UniqueNamespace {
public:
    UniqueNamespace();
    UniqueNamespace(const UniqueNamespace&) = delete;
    UniqueNamespace& operator=(const UniqueNamespace&) = delete;
    ~UniqueNamespace();

    const std::string& name() const noexcept { return name_; }
    Environment tracking_on() const;

private:
    std::string name_;
};

// An aggregator that serves a namespace of its own. Stopped with SIGTERM, then the namespace is removed.
class AggregatorProcess {
public:
    explicit AggregatorProcess(const std::string& program);
    AggregatorProcess(const AggregatorProcess&) = delete;
    AggregatorProcess& operator=(const AggregatorProcess&) = delete;
    ~AggregatorProcess();

    pid_t pid() const noexcept { return process_->pid(); }
    // SIGKILL, and another in its place once readers can attach to that.
    void restart();
    const UniqueNamespace& name_space() const noexcept { return name_space_; }
    // The counters once every tracked process has ended and all it reported is applied; throws if that never happens.
    stats::Snapshot settled_snapshot();

private:
    void start();
    void wait_until_readable();
    std::string error_output() const;

    std::string program_;
    UniqueNamespace name_space_;
    int error_fd_;
    std::optional<Process> process_;
    std::optional<stats::Reader> reader_;
};

// Executes this driver as `role` and returns what it measured; throws if it fails.
Figures run_child(const std::string& role, const nlohmann::json& arguments, const Environment& environment);
// The other end of run_child.
void send_figures(int fd, const Figures& figures);

}  // namespace trackshm::bench
