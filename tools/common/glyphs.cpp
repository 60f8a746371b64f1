// SPDX-License-Identifier: Apache-2.0
#include "common/glyphs.hpp"

#include <locale.h>
#include <wchar.h>

#include <numeric>

#include "common/text.hpp"

namespace trackshm::tools {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::size_t marks_per_glyph = 4;                // more are no text but a tower

// Of the well-formed sequence `text` starts with; printable() saw to it that it is one.
std::size_t sequence_length(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

wchar_t code_point(std::string_view sequence) {
    const auto first = static_cast<unsigned char>(sequence.front());
    unsigned value = sequence.size() == 1 ? first : first & (0x7FU >> sequence.size());
    for (const char byte : sequence.substr(1)) value = value << 6 | (static_cast<unsigned char>(byte) & 0x3FU);
    return static_cast<wchar_t>(value);
}

// Characters without a shape that change how their neighbours are shown: directions, joiners, invisible operators.
bool is_invisible_control(wchar_t c) {
    return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
           c == 0xFEFF || c == 0x061C;
}

// As wcwidth() has it in a UTF-8 locale. glibc has this one built in; without it the program's own decides.
int unicode_width(wchar_t c) {
    static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (unicode == nullptr) return ::wcwidth(c);
    const locale_t before = uselocale(unicode);
    const int width = ::wcwidth(c);
    uselocale(before);
    return width;
}

std::size_t total_width(const std::vector<Glyph>& glyphs) {
    return std::accumulate(glyphs.begin(), glyphs.end(), std::size_t{0},
                           [](std::size_t sum, const Glyph& glyph) { return sum + glyph.width; });
}

void add_unicode(std::vector<Glyph>& glyphs, std::string_view sequence) {
    const wchar_t c = code_point(sequence);
    const int width = is_invisible_control(c) ? -1 : unicode_width(c);
    if (width > 0) {
        glyphs.push_back({std::string{sequence}, static_cast<std::size_t>(width)});
    } else if (width < 0 || glyphs.empty()) {
        glyphs.push_back({std::string{replacement}, 1});
    } else if (glyphs.back().text.size() < 4 * (1 + marks_per_glyph)) {
        glyphs.back().text += sequence;
    }
}

}  // namespace

std::vector<Glyph> glyphs_of(std::string_view text, Charset charset) {
    const std::string clean = printable(text);
    std::vector<Glyph> glyphs;
    glyphs.reserve(clean.size());
    for (std::string_view rest = clean; !rest.empty();) {
        const std::string_view sequence = rest.substr(0, sequence_length(rest));
        rest.remove_prefix(sequence.size());
        if (sequence.size() == 1) {
            glyphs.push_back({std::string{sequence}, 1});
        } else if (charset == Charset::ascii) {
            glyphs.push_back({"?", 1});
        } else {
            add_unicode(glyphs, sequence);
        }
    }
    return glyphs;
}

std::size_t columns_of(std::string_view text, Charset charset) { return total_width(glyphs_of(text, charset)); }

std::vector<Glyph> fitted(std::string_view text, std::size_t width, Charset charset) {
    std::vector<Glyph> glyphs = glyphs_of(text, charset);
    std::size_t columns = total_width(glyphs);
    if (columns <= width) return glyphs;
    if (width == 0) return {};
    while (columns > width - 1) {
        columns -= glyphs.back().width;
        glyphs.pop_back();
    }
    glyphs.push_back({"~", 1});
    return glyphs;
}

std::string cut(std::string_view text, std::size_t width) {
    std::string result;
    for (const Glyph& glyph : fitted(text, width, Charset::unicode)) result += glyph.text;
    return result;
}

std::string cut_front(std::string_view text, std::size_t width) {
    const std::vector<Glyph> glyphs = glyphs_of(text, Charset::unicode);
    std::size_t columns = total_width(glyphs);
    std::string result;
    auto first = glyphs.begin();
    if (columns > width) {
        for (; first != glyphs.end() && columns + 1 > width; ++first) columns -= first->width;
        if (width > 0) result.push_back('~');
    }
    for (; first != glyphs.end(); ++first) result += first->text;
    return result;
}

std::string fit_left(std::string_view text, std::size_t width) {
    std::string result = cut(text, width);
    result.append(width - columns_of(result), ' ');
    return result;
}

}  // namespace trackshm::tools
