// SPDX-License-Identifier: Apache-2.0
//
// What is said about a snapshot as a whole, and how its parts are named: the same on the screen and as plain text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <trackshm/stats.hpp>

#include "common/units.hpp"

namespace trackshm::tools {

// "12:04:05" and "2026-11-24 12:04:05", local time.
std::string clock_text(std::uint64_t time_unix_ns);
std::string date_text(std::uint64_t time_unix_ns);

// How long ago; 0 for what is yet to come.
std::uint64_t age_ns(std::uint64_t now_unix_ns, std::uint64_t time_unix_ns) noexcept;

std::string aggregator_text(const stats::Snapshot& snapshot);
std::string totals_text(const stats::Snapshot& snapshot, ByteUnit unit = ByteUnit::automatic);

// Why the figures do not move: the aggregator is gone or stands still. Empty: they do.
std::string standstill_text(const stats::Snapshot& snapshot);

// "exact", "NOT EXACT", or "was exact" of figures that do not move.
std::string_view exactness_text(const stats::Snapshot& snapshot);

// A counter that is zero when all is well.
struct Irregularity {
    const char* name;
    const char* name_of_one;
    std::uint64_t count;
    bool is_loss;             // figures are not exact because of it
    const char* meaning;      // half a sentence
    std::string where = {};   // follows the count
};
std::vector<Irregularity> irregularities(const stats::Snapshot& snapshot);

// Of a memory whose capacity is known and not zero.
std::optional<double> used_ratio(const stats::TypeCounters& memory) noexcept;

// Whether it ever held anything or refused to; other devices were described at most.
bool was_ever_used(const stats::Device& device) noexcept;

std::string pid_text(std::int32_t pid);

// How a process ended. What is neither exit() nor exec looks alike from here: a signal, _exit() or abort().
std::string_view end_text(const stats::Exited& ended) noexcept;

// "Q", "W", "~" or " ": quarantined, waiting for room, lost events, none of them.
char mark_of(const stats::Process& process) noexcept;

// What the marks mean that appear in the snapshot. Empty: none does.
std::string legend_text(const stats::Snapshot& snapshot);

}  // namespace trackshm::tools
