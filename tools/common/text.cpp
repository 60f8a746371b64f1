// SPDX-License-Identifier: Apache-2.0
#include "common/text.hpp"

#include <cstdint>

namespace trackshm::tools {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

constexpr unsigned char byte_at(std::string_view text, std::size_t index) noexcept {
    return static_cast<unsigned char>(text[index]);
}

// Length of the well-formed sequence `text` starts with, 0 if it is none (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text) noexcept {
    const unsigned char first = byte_at(text, 0);
    if (first < 0x80) return 1;
    std::size_t length = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        if (first == 0xE0) low = 0xA0;   // overlong
        if (first == 0xED) high = 0x9F;  // surrogates
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        if (first == 0xF0) low = 0x90;
        if (first == 0xF4) high = 0x8F;  // beyond U+10FFFF
    } else {
        return 0;
    }
    if (text.size() < length || byte_at(text, 1) < low || byte_at(text, 1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte_at(text, i) & 0xC0) != 0x80) return 0;
    }
    return length;
}

bool is_control(std::string_view sequence) noexcept {
    const unsigned char first = byte_at(sequence, 0);
    if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
    return first == 0xC2 && byte_at(sequence, 1) < 0xA0;  // U+0080..U+009F
}

template <class Keep>
std::string filtered(std::string_view text, Keep&& keep) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        const std::string_view sequence = text.substr(0, length);
        result.append(length != 0 && keep(sequence) ? sequence : replacement);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return result;
}

}  // namespace

std::string printable(std::string_view text) {
    return filtered(text, [](std::string_view sequence) { return !is_control(sequence); });
}

std::string printable_in_json(std::string_view text) {
    return filtered(text, [](std::string_view sequence) { return byte_at(sequence, 0) < 0x20 || !is_control(sequence); });
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace trackshm::tools
