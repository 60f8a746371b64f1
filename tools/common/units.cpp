// SPDX-License-Identifier: Apache-2.0
#include "common/units.hpp"

#include <fmt/format.h>

#include <array>

namespace trackshm::tools {

std::string format_bytes(std::uint64_t bytes) {
    if (bytes < 1024) return fmt::format("{} B", bytes);
    const char* unit = "KMGTPE";
    double value = static_cast<double>(bytes) / 1024;
    // From 1023.5 on it would be rounded to 1024: the next unit takes over there.
    for (; value >= 1023.5 && unit[1] != '\0'; ++unit) value /= 1024;
    return fmt::format("{:.{}f} {}iB", value, value < 999.95 ? 1 : 0, *unit);
}

std::string format_bytes(std::uint64_t bytes, ByteUnit unit) {
    const auto in = [&](int shift, char letter) {
        return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(std::uint64_t{1} << shift),
                           letter);
    };
    switch (unit) {
        case ByteUnit::bytes: return std::to_string(bytes);
        case ByteUnit::kib: return in(10, 'K');
        case ByteUnit::mib: return in(20, 'M');
        case ByteUnit::gib: return in(30, 'G');
        case ByteUnit::automatic: break;
    }
    return format_bytes(bytes);
}

std::size_t bytes_width(ByteUnit unit) noexcept {
    switch (unit) {
        case ByteUnit::bytes: return 15;
        case ByteUnit::kib: return 14;
        case ByteUnit::mib: return 11;
        case ByteUnit::gib:
        case ByteUnit::automatic: break;
    }
    return 9;
}

std::string format_rate(double per_second) {
    if (per_second < 0.05) return "0";
    if (per_second < 9.95) return fmt::format("{:.1f}", per_second);
    if (per_second < 999.5) return fmt::format("{:.0f}", per_second);
    constexpr std::array letters = {'k', 'M', 'G', 'T'};
    std::size_t letter = 0;
    double value = per_second / 1000;
    for (; value >= 999.5 && letter + 1 < letters.size(); ++letter) value /= 1000;
    return fmt::format("{:.{}f}{}", value, value < 9.95 ? 1 : 0, letters[letter]);
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
