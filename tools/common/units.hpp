// SPDX-License-Identifier: Apache-2.0
//
// Figures for people: sizes, counts and durations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace trackshm::tools {

// "0 B", "512 B", "100.0 MiB", "1023 MiB": at most nine characters.
std::string format_bytes(std::uint64_t bytes);

// In which unit sizes are shown; `automatic` is the largest that is at least one, as above.
enum class ByteUnit { automatic, bytes, kib, mib, gib };

// "1048576", "1024.0 K", "1.0 M": for columns of one unit, which numbers of very different sizes can be compared in.
std::string format_bytes(std::uint64_t bytes, ByteUnit unit);

// Characters that hold every size up to some TiB in that unit.
std::size_t bytes_width(ByteUnit unit) noexcept;

// A figure per second: "0", "0.5", "12", "1.2k", "34M"; at most five characters.
std::string format_rate(double per_second);

// "1 buffer", "24 buffers".
std::string format_count(std::uint64_t count, const char* noun);

// "350 ms", "12 s", "3 min", "5 h", "2 d": the largest unit that is at least one.
std::string format_duration(std::uint64_t duration_ns);

}  // namespace trackshm::tools
