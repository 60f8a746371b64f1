// SPDX-License-Identifier: Apache-2.0
//
// The aggregator of a soak, and what happens to it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>

#include "soak/report.hpp"
#include "support/commands.hpp"

namespace trackshm::test {

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t operator()() { return engine_(); }
    std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
    // True once in so many times.
    bool one_in(std::uint64_t times) { return below(times) == 0; }
    std::chrono::microseconds microseconds_below(std::uint64_t bound) {
        return std::chrono::microseconds(below(bound));
    }

private:
    std::mt19937_64 engine_;
};

// An aggregator that is there most of the time.
class UnreliableAggregator {
public:
    UnreliableAggregator(const Namespace& name_space, Random& random, Report& report)
        : name_space_(name_space), random_(random), report_(report) {}

    // Does something to it, or lets it be.
    void torment();
    // Makes it run and serve.
    void restore();
    // Ends it, and says how if that was not as it should be.
    std::string terminate();

    bool is_serving() const { return aggregator_ != nullptr && !stopped_; }
    bool exists() const { return aggregator_ != nullptr; }

private:
    void start();
    void kill();
    void note_memory();
    void note_corrections();

    const Namespace& name_space_;
    Random& random_;
    Report& report_;
    std::unique_ptr<Aggregator> aggregator_;
    bool stopped_ = false;
};

// The most memory that process ever had.
std::uint64_t peak_resident_bytes(pid_t pid);
// What the segments of a namespace take.
std::uint64_t storage_bytes(const Namespace& name_space);

}  // namespace trackshm::test
