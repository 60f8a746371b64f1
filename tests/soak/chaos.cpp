// SPDX-License-Identifier: Apache-2.0
#include "soak/chaos.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <fstream>

namespace trackshm::test {

void UnreliableAggregator::torment() {
    if (!exists()) {
        if (random_.one_in(3)) start();
        return;
    }
    if (stopped_) {
        if (random_.one_in(2)) restore();
        return;
    }
    switch (random_.below(8)) {
        case 0:
        case 1:
            kill();
            break;
        case 2:
            kill();
            start();
            break;
        case 3:
            report_.drift += terminate();
            break;
        case 4:
        case 5:
            aggregator_->child().stop();
            stopped_ = true;
            ++report_.aggregator_stops;
            break;
        default:
            break;
    }
}

void UnreliableAggregator::restore() {
    if (!exists()) return start();
    if (!stopped_) return;
    aggregator_->child().resume();
    stopped_ = false;
}

std::string UnreliableAggregator::terminate() {
    restore();
    note_memory();
    ++report_.aggregator_terminations;
    const ExitStatus status = aggregator_->terminate();
    note_corrections();
    const std::string error_output = aggregator_->child().error_output();
    aggregator_.reset();
    return status.exited_with(0) ? "" : "the aggregator did not end well: " + error_output + "\n";
}

void UnreliableAggregator::start() {
    aggregator_ = std::make_unique<Aggregator>(name_space_);
    stopped_ = false;
    ++report_.aggregator_starts;
}

void UnreliableAggregator::kill() {
    note_memory();
    if (aggregator_->child().has_ended()) {
        report_.drift += "the aggregator died: " + aggregator_->child().error_output() + "\n";
    }
    aggregator_->child().kill();
    note_corrections();
    aggregator_.reset();
    stopped_ = false;
    ++report_.aggregator_kills;
}

void UnreliableAggregator::note_memory() {
    report_.aggregator_peak_bytes =
        std::max(report_.aggregator_peak_bytes, peak_resident_bytes(aggregator_->child().pid()));
}

void UnreliableAggregator::note_corrections() {
    if (has_corrected(aggregator_->child())) report_.drift += aggregator_->child().error_output() + "\n";
}

std::uint64_t peak_resident_bytes(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; status >> word;) {
        std::uint64_t kibibytes = 0;
        if (word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
    }
    return 0;
}

std::uint64_t storage_bytes(const Namespace& name_space) {
    std::uint64_t bytes = 0;
    for (const std::string& segment : name_space.segments()) {
        struct stat info {};
        if (stat(("/dev/shm/" + segment).c_str(), &info) == 0)
            bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
    return bytes;
}

}  // namespace trackshm::test
