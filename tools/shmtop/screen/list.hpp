// SPDX-License-Identifier: Apache-2.0
//
// What every view is in the end: rows of cells under columns, of which as many are shown as fit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shmtop/screen/canvas.hpp"
#include "shmtop/screen/ui_state.hpp"

namespace trackshm::tools {

struct Meter {  // a bar as wide as its column
    double ratio = 0;
    std::optional<double> mark;  // of a peak
};

struct ListCell {
    ListCell(std::string what = {}, Tone how = Tone::normal) : text(std::move(what)), tone(how) {}
    ListCell(const Meter& what, Tone how) : tone(how), meter(what) {}

    std::string text;
    Tone tone;
    std::optional<Meter> meter;
};

enum class Align { left, right };

struct ListColumn {
    std::string title;
    std::size_t width = 0;
    Align align = Align::right;
    int rank = 0;            // where not all fit, those of the highest rank go first; 0 stays
    std::size_t growth = 0;  // how many columns more it can make use of
    std::string_view sort_key{};
};

struct ListRow {
    std::string id;  // the same from picture to picture
    std::vector<ListCell> cells;
    std::string match;  // what search and filter look into, besides the cells
};

struct ListModel {
    std::vector<ListColumn> columns;
    std::vector<ListRow> rows;
    std::string when_empty;           // said where there are no rows at all
    std::vector<std::string> notes;   // above the list
};

// As wide as the widest of the cells in a column, between limits.
std::size_t width_of_cells(const ListModel& model, std::size_t column, std::size_t minimum, std::size_t maximum,
                           Charset charset);

// Makes a column as wide as its cells, from `least` to `most`; of that it gives up what is more than `enough` before another
// column has to go.
void fit_to_cells(ListModel& model, std::size_t index, std::size_t least, std::size_t enough, std::size_t most,
                  Charset charset);

// Keeps the rows that contain the text, in any case.
void filter_rows(ListModel& model, std::string_view text);
bool row_contains(const ListRow& row, std::string_view text);

// Finds the selected row where it went.
void settle_selection(ListPosition& position, const ListModel& model);

// And sees to it that it is within the `page_rows` that are shown.
void settle(ListPosition& position, const ListModel& model, std::size_t page_rows);

struct ListLook {
    std::string_view sort_key;  // whose column is marked
    bool inverted = false;
    std::string_view search;    // rows that contain it are emphasised
};

// The heading at `top_row` and rows below it, `rows` in all.
void draw_list(Canvas& canvas, std::size_t top_row, std::size_t rows, const ListModel& model,
               const ListPosition& position, const ListLook& look);

}  // namespace trackshm::tools
