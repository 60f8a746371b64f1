// SPDX-License-Identifier: Apache-2.0
#include "shmtop/bar.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace trackshm::tools {
namespace {

// Eighths of a character, from the left.
constexpr std::array<std::string_view, 8> partial_blocks = {
    " ", "\xE2\x96\x8F", "\xE2\x96\x8E", "\xE2\x96\x8D", "\xE2\x96\x8C", "\xE2\x96\x8B", "\xE2\x96\x8A", "\xE2\x96\x89"};
constexpr std::string_view full_block = "\xE2\x96\x88";
constexpr std::string_view vertical_line = "\xE2\x94\x82";
constexpr std::string_view middle_dot = "\xC2\xB7";

// The cell that a ratio falls into.
std::size_t cell_of(double ratio, std::size_t cells) {
    return std::min(static_cast<std::size_t>(ratio * static_cast<double>(cells)), cells - 1);
}

// A character of the bar: how much of it is used, in eighths.
std::string_view unicode_cell(std::size_t eighths) {
    if (eighths >= 8) return full_block;
    return eighths == 0 ? middle_dot : partial_blocks[eighths];
}

}  // namespace

std::string usage_bar(double ratio, std::optional<double> mark, std::size_t width, Charset charset) {
    if (width < 3) return std::string(width, ' ');
    const std::size_t cells = width - 2;
    const bool is_ascii = charset == Charset::ascii;
    const double used = std::clamp(ratio, 0.0, 1.0);
    const std::size_t scale = is_ascii ? 1 : 8;
    const auto filled = static_cast<std::size_t>(used * static_cast<double>(cells * scale) + 0.5);
    std::string bar = "[";
    for (std::size_t i = 0; i < cells; ++i) {
        const std::size_t amount = filled > i * scale ? filled - i * scale : 0;
        const bool is_marked = mark && amount == 0 && *mark > used && cell_of(std::clamp(*mark, 0.0, 1.0), cells) == i;
        if (is_marked) {
            bar += is_ascii ? std::string_view{"|"} : vertical_line;
        } else if (is_ascii) {
            bar += amount != 0 ? '#' : '-';
        } else {
            bar += unicode_cell(amount);
        }
    }
    return bar + "]";
}

}  // namespace trackshm::tools
