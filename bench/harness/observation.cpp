// SPDX-License-Identifier: Apache-2.0
#include "harness/observation.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "harness/statistics.hpp"

namespace trackshm::bench {
namespace {

double cpu_seconds(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
        throw std::runtime_error("cannot read the aggregator's CPU time");
    }
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

std::string own_namespace() {
    const char* const name = std::getenv("TRACKSHM_NAMESPACE");
    return name == nullptr ? "default" : name;
}

Counters::Counters() {
    stats::Error error;
    reader_ = stats::Reader::open(own_namespace(), error);
    if (!reader_) throw std::runtime_error(error.message);
}

const stats::Snapshot& Counters::read() {
    stats::Error error;
    if (!reader_->read(snapshot_, error)) throw std::runtime_error(error.message);
    return snapshot_;
}

void Counters::wait_until_applied(std::uint64_t events) {
    const std::uint64_t deadline_ns = now_ns() + 60'000'000'000;
    while (read().events.applied < events) {
        if (now_ns() > deadline_ns) {
            throw std::runtime_error(
                fmt::format("only {} of {} events were applied", snapshot_.events.applied, events));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

double busy_percent(pid_t pid, std::chrono::milliseconds time) {
    const double cpu_before_s = cpu_seconds(pid);
    const std::uint64_t start_ns = now_ns();
    std::this_thread::sleep_for(time);
    const double elapsed_s = static_cast<double>(now_ns() - start_ns) / 1e9;
    return 100 * (cpu_seconds(pid) - cpu_before_s) / elapsed_s;
}

std::uint64_t private_bytes(pid_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);) {
        if (line.rfind("RssAnon:", 0) == 0) return std::stoull(line.substr(8)) * 1024;
    }
    throw std::runtime_error("cannot read the aggregator's memory");
}

std::uint64_t shm_bytes(const std::string& prefix) {
    const std::string wanted = "trackshm." + own_namespace() + prefix;
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
        struct stat info {};
        if (entry.path().filename().string().rfind(wanted, 0) != 0 || stat(entry.path().c_str(), &info) != 0) continue;
        constexpr std::uint64_t bytes_per_block = 512;
        sum += static_cast<std::uint64_t>(info.st_blocks) * bytes_per_block;
    }
    return sum;
}

}  // namespace trackshm::bench
