// SPDX-License-Identifier: Apache-2.0
//
// Text as the characters a terminal shows: cleaned of what must not reach it, and measured in columns. They are Unicode's,
// whatever the program's locale is: documents and pipes have none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace trackshm::tools {

// What the terminal can show: UTF-8, or ASCII alone.
enum class Charset { ascii, unicode };

struct Glyph {
    std::string text;       // one character, with the marks combined with it
    std::size_t width = 1;  // in columns: 2 for wide characters
};

// Control characters, malformed UTF-8 and what turns the direction of text are replaced; with ASCII, all else that is not.
std::vector<Glyph> glyphs_of(std::string_view text, Charset charset);

std::size_t columns_of(std::string_view text, Charset charset = Charset::unicode);

// Cut to `width` columns, the last character a mark if anything was cut off.
std::vector<Glyph> fitted(std::string_view text, std::size_t width, Charset charset);

// The same, put together again, with all of Unicode.
std::string cut(std::string_view text, std::size_t width);
// The end of it, the first character a mark if anything was cut off.
std::string cut_front(std::string_view text, std::size_t width);
// As cut, and padded with spaces to `width` columns.
std::string fit_left(std::string_view text, std::size_t width);

}  // namespace trackshm::tools
