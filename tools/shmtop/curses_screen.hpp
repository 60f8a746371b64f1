// SPDX-License-Identifier: Apache-2.0
//
// The terminal in curses' hands; given back on every way out. All that knows curses is here.
#pragma once

#include <termios.h>

#include <optional>
#include <string>

#include "shmtop/screen/canvas.hpp"
#include "shmtop/screen/key.hpp"

namespace trackshm::tools {

class CursesScreen {
public:
    // Not open, with the terminal untouched, if curses does not know the terminal.
    explicit CursesScreen(bool color);
    ~CursesScreen();
    CursesScreen(const CursesScreen&) = delete;
    CursesScreen& operator=(const CursesScreen&) = delete;

    bool is_open() const { return screen_ != nullptr; }
    Charset charset() const { return charset_; }

    // What gives the terminal back where curses cannot be called: its modes before, and what it is to be sent.
    const termios& modes_before() const { return modes_before_; }
    static std::string farewell();

    // Follows the terminal's size.
    Size size();

    void draw(const Canvas& canvas);

    // The next key that was pressed, if any.
    std::optional<Key> next_key();

    // Gives the terminal back for a while, and takes it again; what others left there is drawn over.
    void leave();
    void come_back();

private:
    void set_up_colors();
    int attributes(const Style& style) const;

    termios modes_before_{};
    void* screen_ = nullptr;  // curses' SCREEN
    bool has_color_ = false;
    Charset charset_ = Charset::ascii;
};

}  // namespace trackshm::tools
