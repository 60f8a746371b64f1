// SPDX-License-Identifier: Apache-2.0
//
// Figures for people: sizes, counts and durations.
#pragma once

#include <cstdint>
#include <string>

namespace trackshm::tools {

// "0 B", "512 B", "100.0 MiB", "1023 MiB": at most nine characters.
std::string format_bytes(std::uint64_t bytes);

// "1 buffer", "24 buffers".
std::string format_count(std::uint64_t count, const char* noun);

// "350 ms", "12 s", "3 min", "5 h", "2 d": the largest unit that is at least one.
std::string format_duration(std::uint64_t duration_ns);

}  // namespace trackshm::tools
