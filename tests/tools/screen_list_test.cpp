// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/list.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "shmtop/screen/process_tree.hpp"

namespace trackshm::tools {
namespace {

ListModel numbered_rows(int count) {
    ListModel model;
    model.columns = {{.title = "NAME", .width = 6, .align = Align::left, .growth = 4},
                     {.title = "SIZE", .width = 5, .sort_key = "size"},
                     {.title = "MORE", .width = 8, .rank = 1}};
    for (int i = 0; i < count; ++i) {
        model.rows.push_back({std::to_string(i), {"row " + std::to_string(i), std::to_string(10 * i), {"more"}}, {}});
    }
    return model;
}

std::vector<std::string> drawn(Size size, const ListModel& model, const ListPosition& position,
                               const ListLook& look = {}) {
    Canvas canvas(size, Charset::ascii);
    draw_list(canvas, 0, size.rows, model, position, look);
    std::vector<std::string> lines;
    for (std::size_t row = 0; row < size.rows; ++row) lines.push_back(canvas.line(row));
    return lines;
}

using Lines = std::vector<std::string>;

TEST_CASE("columns that do not fit are left out by rank, and growing ones take what is left") {
    const ListModel model = numbered_rows(2);
    CHECK(drawn({3, 21}, model, {}) == Lines{"NAME    SIZE     MORE", "row 0      0     more", "row 1     10     more"});
    CHECK(drawn({3, 20}, model, {}) == Lines{"NAME        SIZE", "row 0          0", "row 1         10"});
    CHECK(drawn({3, 40}, model, {})[0] == "NAME        SIZE     MORE");
    CHECK(drawn({2, 8}, model, {})[0] == "NAME");
}

TEST_CASE("the column of the order is marked with its direction") {
    const ListModel model = numbered_rows(1);
    CHECK(drawn({1, 30}, model, {}, {"size", false, {}})[0] == "NAME       SIZEv     MORE");
    CHECK(drawn({1, 30}, model, {}, {"size", true, {}})[0] == "NAME       SIZE^     MORE");
}

TEST_CASE("a list without rows says why") {
    ListModel model = numbered_rows(0);
    model.when_empty = "nothing yet";
    CHECK(drawn({2, 30}, model, {})[1] == "  nothing yet");
}

TEST_CASE("the selected row follows its row wherever it goes") {
    ListModel model = numbered_rows(10);
    ListPosition position;
    position.selected_id = "7";
    settle(position, model, 4);
    CHECK(position.selected == 7);
    CHECK(position.top == 4);
    std::swap(model.rows[7], model.rows[1]);
    settle(position, model, 4);
    CHECK(position.selected == 1);
    CHECK(position.top == 1);
}

TEST_CASE("where the selected row is gone, the one in its place is selected") {
    ListModel model = numbered_rows(10);
    ListPosition position{9, "9", 6};
    model.rows.resize(3);
    settle(position, model, 4);
    CHECK(position.selected == 2);
    CHECK(position.top == 0);
    model.rows.clear();
    settle(position, model, 4);
    CHECK(position.selected == 0);
    settle(position, model, 0);
    CHECK(position.top == 0);
}

TEST_CASE("filtering looks into all cells and what belongs to the row, in any case") {
    ListModel model = numbered_rows(3);
    model.rows[2].match = "Hidden Name";
    ListModel by_cell = model;
    filter_rows(by_cell, "ROW 1");
    REQUIRE(by_cell.rows.size() == 1);
    CHECK(by_cell.rows[0].id == "1");
    filter_rows(model, "hidden");
    REQUIRE(model.rows.size() == 1);
    CHECK(model.rows[0].id == "2");
    filter_rows(model, "nowhere");
    CHECK(model.rows.empty());
    CHECK(model.when_empty.find("filter") != std::string::npos);
}

Lines tree(const std::vector<std::int32_t>& pids, const Parents& parents) {
    Lines lines;
    for (const TreeRow& row : arrange_as_tree(pids, parents, Charset::ascii)) {
        lines.push_back(row.branch + std::to_string(pids[row.index]));
    }
    return lines;
}

TEST_CASE("processes stand below the one that started them") {
    CHECK(tree({5, 1, 4, 2, 3}, {{2, 1}, {3, 2}, {4, 1}}) == Lines{"5", "1", "|- 4", "`- 2", "   `- 3"});
    CHECK(tree({1, 2, 3, 4}, {{2, 1}, {3, 2}, {4, 1}}) == Lines{"1", "|- 2", "|  `- 3", "`- 4"});
}

TEST_CASE("a tree shows every process once, whatever is said of parents") {
    CHECK(tree({1, 2, 3}, {{1, 2}, {2, 1}, {3, 99}}) == Lines{"3", "1", "`- 2"});
    CHECK(tree({1}, {{1, 1}}) == Lines{"1"});
    CHECK(tree({0, 0, 4}, {{0, 4}, {4, 0}}) == Lines{"0", "0", "4"});
    CHECK(tree({}, {}).empty());
}

}  // namespace
}  // namespace trackshm::tools
