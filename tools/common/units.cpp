// SPDX-License-Identifier: Apache-2.0
#include "common/units.hpp"

#include <fmt/format.h>

namespace trackshm::tools {

std::string format_bytes(std::uint64_t bytes) {
    if (bytes < 1024) return fmt::format("{} B", bytes);
    const char* unit = "KMGTPE";
    double value = static_cast<double>(bytes) / 1024;
    // From 1023.5 on it would be rounded to 1024: the next unit takes over there.
    for (; value >= 1023.5 && unit[1] != '\0'; ++unit) value /= 1024;
    return fmt::format("{:.{}f} {}iB", value, value < 999.95 ? 1 : 0, *unit);
}

std::string format_count(std::uint64_t count, const char* noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string format_duration(std::uint64_t duration_ns) {
    const std::uint64_t duration_ms = duration_ns / 1'000'000;
    if (duration_ms < 1000) return fmt::format("{} ms", duration_ms);
    const std::uint64_t duration_s = duration_ms / 1000;
    if (duration_s < 60) return fmt::format("{} s", duration_s);
    if (duration_s < 3600) return fmt::format("{} min", duration_s / 60);
    if (duration_s < 86400) return fmt::format("{} h", duration_s / 3600);
    return fmt::format("{} d", duration_s / 86400);
}

}  // namespace trackshm::tools
