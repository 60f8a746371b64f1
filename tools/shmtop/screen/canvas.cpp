// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/canvas.hpp"

#include <algorithm>

namespace trackshm::tools {

Canvas::Canvas(Size size, Charset charset) : size_(size), charset_(charset), cells_(size.rows * size.columns) {}

// Writing over one half of a wide character takes the other away.
void Canvas::make_room(std::size_t row, std::size_t column) {
    if (cell(row, column).text.empty() && column > 0) cell(row, column - 1).text = " ";
    if (column + 1 < size_.columns && cell(row, column + 1).text.empty()) cell(row, column + 1).text = " ";
}

std::size_t Canvas::put(std::size_t row, std::size_t column, std::string_view text, Style style, std::size_t width) {
    if (row >= size_.rows || column >= size_.columns) return column;
    for (const Glyph& glyph : fitted(text, std::min(width, size_.columns - column), charset_)) {
        for (std::size_t i = 0; i < glyph.width; ++i) {
            make_room(row, column);
            cell(row, column) = {i == 0 ? glyph.text : std::string{}, style};
            ++column;
        }
    }
    return column;
}

void Canvas::put_right(std::size_t row, std::size_t end_column, std::string_view text, Style style,
                       std::size_t width) {
    const std::size_t columns = std::min(columns_of(text, charset_), std::min(width, end_column));
    put(row, end_column - columns, text, style, columns);
}

void Canvas::reverse(std::size_t row, std::size_t column, std::size_t width) {
    if (row >= size_.rows) return;
    for (std::size_t i = column; i < std::min(size_.columns, column + width); ++i) cell(row, i).style.reverse = true;
}

std::string Canvas::line(std::size_t row) const {
    std::string text;
    for (std::size_t column = 0; column < size_.columns; ++column) text += at(row, column).text;
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
}

}  // namespace trackshm::tools
