// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/list.hpp"

#include <algorithm>
#include <cctype>

#include "shmtop/bar.hpp"

namespace trackshm::tools {
namespace {

constexpr std::size_t gap = 1;

bool same_letter(char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool contains(std::string_view text, std::string_view part) {
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same_letter) != text.end();
}

// A column that is shown, and where.
struct Placed {
    std::size_t index;
    std::size_t column;
    std::size_t width;
};

bool is_sorted_by(const ListColumn& column, const ListLook& look) {
    return !column.sort_key.empty() && column.sort_key == look.sort_key;
}

// With the mark of the order, a title may need more than its column has.
std::vector<ListColumn> widened_for_mark(std::vector<ListColumn> columns, const ListLook& look) {
    for (ListColumn& column : columns) {
        if (is_sorted_by(column, look)) column.width = std::max(column.width, column.title.size() + 1);
    }
    return columns;
}

std::vector<std::size_t> columns_that_fit(const std::vector<ListColumn>& columns, std::size_t available) {
    std::vector<std::size_t> shown(columns.size());
    for (std::size_t i = 0; i < shown.size(); ++i) shown[i] = i;
    const auto total = [&] {
        std::size_t sum = 0;
        for (const std::size_t i : shown) sum += columns[i].width + gap;
        return sum;
    };
    while (total() > available + gap) {
        const auto worst = std::max_element(shown.begin(), shown.end(), [&](std::size_t a, std::size_t b) {
            return columns[a].rank < columns[b].rank;
        });
        if (worst == shown.end() || columns[*worst].rank == 0) break;
        shown.erase(worst);
    }
    return shown;
}

// What is left of the width, evenly among those that can make use of it.
void share_out(std::size_t left, const std::vector<ListColumn>& columns, std::vector<Placed>& placed) {
    for (bool has_grown = true; has_grown && left > 0;) {
        has_grown = false;
        for (Placed& item : placed) {
            const ListColumn& column = columns[item.index];
            if (left == 0 || item.width >= column.width + column.growth) continue;
            ++item.width;
            --left;
            has_grown = true;
        }
    }
}

std::vector<Placed> place(const std::vector<ListColumn>& columns, std::size_t available) {
    std::vector<Placed> placed;
    std::size_t used = 0;
    for (const std::size_t i : columns_that_fit(columns, available)) {
        placed.push_back({i, 0, columns[i].width});
        used += columns[i].width + gap;
    }
    share_out(available + gap > used ? available + gap - used : 0, columns, placed);
    std::size_t column = 0;
    for (Placed& item : placed) {
        item.column = column;
        column += item.width + gap;
    }
    return placed;
}

void put_aligned(Canvas& canvas, std::size_t row, const Placed& place, Align align, std::string_view text,
                 Style style) {
    if (align == Align::left) {
        canvas.put(row, place.column, text, style, place.width);
    } else {
        canvas.put_right(row, place.column + place.width, text, style, place.width);
    }
}

void draw_heading(Canvas& canvas, std::size_t row, const ListModel& model, const std::vector<Placed>& placed,
                  const ListLook& look) {
    for (const Placed& item : placed) {
        const ListColumn& column = model.columns[item.index];
        const bool is_sorted = is_sorted_by(column, look);
        const Style style{.tone = is_sorted ? Tone::notice : Tone::normal, .bold = true};
        const std::string title = is_sorted ? column.title + (look.inverted ? "^" : "v") : column.title;
        put_aligned(canvas, row, item, column.align, title, style);
    }
    canvas.reverse(row, 0, canvas.size().columns);
}

void draw_cell(Canvas& canvas, std::size_t row, const Placed& item, Align align, const ListCell& cell, bool is_found) {
    if (cell.meter) {
        const std::string bar = usage_bar(cell.meter->ratio, cell.meter->mark, item.width, canvas.charset());
        canvas.put(row, item.column, bar, {.tone = cell.tone}, item.width);
        return;
    }
    put_aligned(canvas, row, item, align, cell.text, {.tone = cell.tone, .bold = is_found});
}

}  // namespace

std::size_t width_of_cells(const ListModel& model, std::size_t column, std::size_t minimum, std::size_t maximum,
                           Charset charset) {
    std::size_t width = minimum;
    for (const ListRow& row : model.rows) {
        if (column < row.cells.size()) width = std::max(width, columns_of(row.cells[column].text, charset));
        if (width >= maximum) return maximum;
    }
    return width;
}

void fit_to_cells(ListModel& model, std::size_t index, std::size_t least, std::size_t enough, std::size_t most,
                  Charset charset) {
    ListColumn& column = model.columns[index];
    const std::size_t wanted = width_of_cells(model, index, least, most, charset);
    column.width = std::min(wanted, enough);
    column.growth = wanted - column.width;
}

bool row_contains(const ListRow& row, std::string_view text) {
    return contains(row.match, text) || std::any_of(row.cells.begin(), row.cells.end(), [&](const ListCell& cell) {
               return contains(cell.text, text);
           });
}

void filter_rows(ListModel& model, std::string_view text) {
    if (text.empty()) return;
    const std::size_t before = model.rows.size();
    std::erase_if(model.rows, [&](const ListRow& row) { return !row_contains(row, text); });
    if (model.rows.empty() && before != 0) model.when_empty = "nothing here passes the filter: \\ or F4 changes it";
}

void settle_selection(ListPosition& position, const ListModel& model) {
    if (!position.selected_id.empty()) {
        const auto found = std::find_if(model.rows.begin(), model.rows.end(),
                                        [&](const ListRow& row) { return row.id == position.selected_id; });
        if (found != model.rows.end()) position.selected = static_cast<std::size_t>(found - model.rows.begin());
    }
    position.selected = model.rows.empty() ? 0 : std::min(position.selected, model.rows.size() - 1);
}

void settle(ListPosition& position, const ListModel& model, std::size_t page_rows) {
    settle_selection(position, model);
    const std::size_t page = std::max<std::size_t>(page_rows, 1);
    if (position.selected < position.top) position.top = position.selected;
    if (position.selected >= position.top + page) position.top = position.selected + 1 - page;
    position.top = std::min(position.top, model.rows.size() > page ? model.rows.size() - page : 0);
}

void draw_list(Canvas& canvas, std::size_t top_row, std::size_t rows, const ListModel& model,
               const ListPosition& position, const ListLook& look) {
    if (rows == 0) return;
    const std::vector<Placed> placed = place(widened_for_mark(model.columns, look), canvas.size().columns);
    draw_heading(canvas, top_row, model, placed, look);
    if (model.rows.empty()) canvas.put(top_row + 1, 2, model.when_empty, {.tone = Tone::dim});
    for (std::size_t i = 0; i + 1 < rows && position.top + i < model.rows.size(); ++i) {
        const ListRow& row = model.rows[position.top + i];
        const std::size_t at = top_row + 1 + i;
        const bool is_found = !look.search.empty() && row_contains(row, look.search);
        for (const Placed& item : placed) {
            if (item.index >= row.cells.size()) continue;
            draw_cell(canvas, at, item, model.columns[item.index].align, row.cells[item.index], is_found);
        }
        if (position.top + i == position.selected) canvas.reverse(at, 0, canvas.size().columns);
    }
}

}  // namespace trackshm::tools
