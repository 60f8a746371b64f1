// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the screen start from: the sample snapshot on a terminal of 80 by 24 without Unicode.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "shmtop/screen/compose.hpp"
#include "shmtop/screen/keys.hpp"
#include "tools/snapshots.hpp"

namespace trackshm::tools {

// A screen that is looked at and typed on.
struct TestScreen {
    ScreenInput input;
    UiState state;
    Size size{24, 80};

    explicit TestScreen(ViewId view = ViewId::devices, stats::Snapshot snapshot = sample_snapshot()) {
        input.snapshot = std::move(snapshot);
        state.view = view;
        state.settings.graph = GraphStep::off;
    }

    Canvas canvas() { return compose(size, input, state); }

    std::vector<std::string> lines() {
        const Canvas drawn = canvas();
        std::vector<std::string> lines;
        for (std::size_t row = 0; row < drawn.size().rows; ++row) lines.push_back(drawn.line(row));
        return lines;
    }

    std::string text() {
        std::string text;
        for (const std::string& line : lines()) text += line + "\n";
        return text;
    }

    bool shows(const std::string& part) { return text().find(part) != std::string::npos; }

    // The style where that text begins; fails the test if it is not there.
    Style style_of(const std::string& part) {
        const Canvas drawn = canvas();
        for (std::size_t row = 0; row < size.rows; ++row) {
            const std::size_t column = drawn.line(row).find(part);
            if (column != std::string::npos) return drawn.at(row, column).style;
        }
        throw std::runtime_error("not on the screen: " + part + "\n" + text());
    }

    Effect press(const Key& key) {
        canvas();  // what is pressed acts on what was seen
        const ListModel model = list_of(input, state);
        return handle_key(key, {model, lay_out(size, input, state, model).page_rows(), input.can_seek}, state);
    }
    Effect press(Key::Name name) { return press(Key{name}); }
    Effect press(char key) { return press(Key{Key::character, static_cast<char32_t>(key)}); }
    void type(const std::string& text) {
        for (const char key : text) press(key);
    }

    // The row of the list that is chosen.
    std::string selected_id() {
        canvas();
        const ListModel model = list_of(input, state);
        return model.rows.empty() ? "" : model.rows.at(state.position().selected).id;
    }
};

}  // namespace trackshm::tools
