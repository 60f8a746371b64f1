// SPDX-License-Identifier: Apache-2.0
#include "soak/report.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace trackshm::test {

namespace {

std::string mebibytes(std::uint64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

}  // namespace

std::string Report::text() const {
    std::string page;
    const auto line = [&](const char* name, const std::string& value) {
        page += fmt::format("{:<16}{}\n", name, value);
    };
    line("seed", std::to_string(seed));
    line("time", fmt::format("{:.0f} s", seconds));
    line("rounds", fmt::format("{}, {} of them with rings that drop, {} of another user's processes", rounds,
                               dropping_rounds, rounds_of_another_user));
    line("shortages", fmt::format("{} times /dev/shm was full for a moment", shortages));
    line("processes", fmt::format("{}, {} killed; {} times one was stopped for a while; {} forked children", processes,
                                  processes_killed, processes_stopped, forked_children));
    line("guests", fmt::format("{}, {} of them liars", guests, liars));
    line("aggregator", fmt::format("{} starts; {} kills, {} terminations; {} times stopped for a while",
                                   aggregator_starts, aggregator_kills, aggregator_terminations, aggregator_stops));
    line("snapshots", fmt::format("{} read in passing", snapshots));
    line("events", fmt::format("{} reported, {} of them coalesced, {} dropped", reported, coalesced, dropped));
    line("peak memory", fmt::format("{} aggregator, {} tracked process, {} /dev/shm", mebibytes(aggregator_peak_bytes),
                                    mebibytes(process_peak_bytes), mebibytes(shm_peak_bytes)));
    line("longest sync",
         fmt::format("{:.1f} ms, outages of the aggregator included", static_cast<double>(longest_sync_ns) / 1e6));
    line("drift", std::to_string(std::count(drift.begin(), drift.end(), '\n')));
    return page + drift;
}

}  // namespace trackshm::test
