// SPDX-License-Identifier: Apache-2.0
//
// The screen as a value: a grid of characters with styles. Views write into it; one file gives it to the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/glyphs.hpp"

namespace trackshm::tools {

// How much attention something wants. Without colours, what matters is said in words as well.
enum class Tone { normal, dim, good, notice, warning, critical };

struct Style {
    Tone tone = Tone::normal;
    bool bold = false;
    bool reverse = false;

    bool operator==(const Style&) const = default;
};

struct Size {
    std::size_t rows = 24;
    std::size_t columns = 80;
};

class Canvas {
public:
    struct Cell {
        std::string text = " ";  // empty: the right half of a wide character
        Style style;
    };

    Canvas(Size size, Charset charset);

    Size size() const noexcept { return size_; }
    Charset charset() const noexcept { return charset_; }

    // Writes what fits from there to the edge, or into `width` columns; returns the column after it. Outside of the grid
    // nothing happens.
    static constexpr std::size_t to_edge = static_cast<std::size_t>(-1);
    std::size_t put(std::size_t row, std::size_t column, std::string_view text, Style style = {},
                    std::size_t width = to_edge);
    // Right-aligned: ends before `end_column`, and is cut to `width` columns.
    void put_right(std::size_t row, std::size_t end_column, std::string_view text, Style style, std::size_t width);

    // Gives `width` columns from there another style.
    void reverse(std::size_t row, std::size_t column, std::size_t width);

    const Cell& at(std::size_t row, std::size_t column) const { return cells_[row * size_.columns + column]; }
    // A row as plain text, without the spaces at its end.
    std::string line(std::size_t row) const;

private:
    Cell& cell(std::size_t row, std::size_t column) { return cells_[row * size_.columns + column]; }
    void make_room(std::size_t row, std::size_t column);

    Size size_;
    Charset charset_;
    std::vector<Cell> cells_;
};

}  // namespace trackshm::tools
