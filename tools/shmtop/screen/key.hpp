// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trackshm::tools {

// A key as the screen understands it, however the terminal sends it.
struct Key {
    enum Name {
        character,
        up, down, left, right, page_up, page_down, home, end,
        enter, escape, backspace, erase_line, tab, back_tab,
        f1, f2, f3, f4, f5, f6, f7, f8, f9, f10,
        other,
    };

    Name name = other;
    char32_t code = 0;  // of a character

    bool operator==(const Key&) const = default;
    bool is(char32_t c) const noexcept { return name == character && code == c; }
};

}  // namespace trackshm::tools
