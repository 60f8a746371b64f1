// SPDX-License-Identifier: Apache-2.0
#include "shmtop/curses_screen.hpp"

#define NCURSES_NOMACROS  // its macros have names like "timeout" and "move"
#include <curses.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace trackshm::tools {
namespace {

constexpr int escape_delay_ms = 100;  // over a slow line a key may come in pieces, and a lone Esc quits
constexpr wint_t escape_code = 27;
constexpr wint_t erase_line_code = 'U' - '@';
constexpr wint_t redraw_code = 'L' - '@';

// Pairs are numbered like tones.
constexpr short pair_of(Tone tone) { return static_cast<short>(static_cast<int>(tone) + 1); }

constexpr std::array<std::pair<Tone, short>, 4> colors = {{{Tone::good, COLOR_GREEN},
                                                           {Tone::notice, COLOR_CYAN},
                                                           {Tone::warning, COLOR_YELLOW},
                                                           {Tone::critical, COLOR_RED}}};

constexpr std::array<std::pair<int, Key::Name>, 14> function_keys = {{{KEY_UP, Key::up},
                                                                      {KEY_DOWN, Key::down},
                                                                      {KEY_LEFT, Key::left},
                                                                      {KEY_RIGHT, Key::right},
                                                                      {KEY_PPAGE, Key::page_up},
                                                                      {KEY_NPAGE, Key::page_down},
                                                                      {KEY_HOME, Key::home},
                                                                      {KEY_FIND, Key::home},
                                                                      {KEY_END, Key::end},
                                                                      {KEY_SELECT, Key::end},
                                                                      {KEY_ENTER, Key::enter},
                                                                      {KEY_BACKSPACE, Key::backspace},
                                                                      {KEY_DC, Key::backspace},
                                                                      {KEY_BTAB, Key::back_tab}}};

Key function_key(int code) {
    for (const auto& [curses_code, name] : function_keys) {
        if (curses_code == code) return {name};
    }
    if (code > KEY_F0 && code <= KEY_F(10)) return {static_cast<Key::Name>(Key::f1 + (code - KEY_F(1)))};
    return {Key::other};
}

// A capability of the terminal, without the marks of where to wait; empty if it has none of that name.
std::string capability(const char* name) {
    const char* const value = tigetstr(name);
    if (value == nullptr || value == reinterpret_cast<const char*>(-1)) return {};
    std::string text = value;
    for (auto wait = text.find("$<"); wait != std::string::npos; wait = text.find("$<", wait)) {
        text.erase(wait, text.find('>', wait) - wait + 1);
    }
    return text;
}

// The other form of a cursor key: a terminal sends one or the other, by a mode that not every one knows of.
struct Sequence {
    const char* text;  // after Esc
    Key::Name name;
};
constexpr std::array<Sequence, 22> other_forms = {{{"[A", Key::up},     {"[B", Key::down},   {"[C", Key::right},
                                                   {"[D", Key::left},   {"OA", Key::up},     {"OB", Key::down},
                                                   {"OC", Key::right},  {"OD", Key::left},   {"[H", Key::home},
                                                   {"[F", Key::end},    {"OH", Key::home},   {"OF", Key::end},
                                                   {"[1~", Key::home},  {"[4~", Key::end},   {"[7~", Key::home},
                                                   {"[8~", Key::end},   {"[5~", Key::page_up}, {"[6~", Key::page_down},
                                                   {"[11~", Key::f1},   {"[12~", Key::f2},   {"[13~", Key::f3},
                                                   {"[14~", Key::f4}}};

// What follows an Esc that begins no key the terminal's description knows. Nothing: it was the key itself.
Key escape_key() {
    wint_t code = 0;
    const int kind = get_wch(&code);
    const bool is_next_key = kind == KEY_CODE_YES || (kind == OK && code == escape_code);
    if (is_next_key) ungetch(static_cast<int>(code));
    if (kind == ERR || is_next_key) return {Key::escape};
    if (code != '[' && code != 'O') return {Key::other};  // Alt and a character
    std::string text(1, static_cast<char>(code));
    constexpr std::size_t longest = 32;
    while (text.size() < longest && get_wch(&code) == OK) {
        text += code < 0x80 ? static_cast<char>(code) : '?';
        const bool is_last = code >= '@' && code <= '~' && text != "[[";
        if (is_last) break;
    }
    const auto form = std::find_if(other_forms.begin(), other_forms.end(), [&](auto& f) { return f.text == text; });
    return {form == other_forms.end() ? Key::other : form->name};
}

Key character_key(wint_t code) {
    switch (code) {
        case '\t': return {Key::tab};
        case '\r':
        case '\n': return {Key::enter};
        case '\b':
        case 0x7F: return {Key::backspace};
        case erase_line_code: return {Key::erase_line};
        case escape_code: return escape_key();
        default: break;
    }
    if (code < ' ') return {Key::other};
    return {Key::character, static_cast<char32_t>(code)};
}

}  // namespace

CursesScreen::CursesScreen(bool color) {
    std::setlocale(LC_CTYPE, "");
    tcgetattr(STDIN_FILENO, &modes_before_);
    SCREEN* screen = newterm(nullptr, stdout, stdin);
    if (screen == nullptr) return;
    screen_ = screen;
    if (std::string_view{nl_langinfo(CODESET)} == "UTF-8") charset_ = Charset::unicode;
    cbreak();
    noecho();
    nonl();
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    set_escdelay(escape_delay_ms);
    curs_set(0);
    if (color && has_colors()) set_up_colors();
}

CursesScreen::~CursesScreen() {
    if (screen_ == nullptr) return;
    endwin();
    delscreen(static_cast<SCREEN*>(screen_));
}

void CursesScreen::set_up_colors() {
    start_color();
    use_default_colors();
    for (const auto& [tone, color] : colors) init_pair(pair_of(tone), color, -1);
    has_color_ = true;
}

int CursesScreen::attributes(const Style& style) const {
    int attributes = A_NORMAL;
    if (style.bold) attributes |= A_BOLD;
    if (style.reverse) attributes |= A_REVERSE;
    switch (style.tone) {
        case Tone::normal: break;
        case Tone::dim: attributes |= A_DIM; break;
        case Tone::critical:
            // Without colours it stands out by being bold alone.
            attributes |= A_BOLD;
            [[fallthrough]];
        case Tone::good:
        case Tone::notice:
        case Tone::warning:
            if (has_color_) attributes |= COLOR_PAIR(pair_of(style.tone));
            break;
    }
    return attributes;
}

// Plain characters, a visible cursor, no keys of applications, and the first screen again.
std::string CursesScreen::farewell() {
    return capability("sgr0") + capability("op") + capability("cnorm") + capability("rmkx") + capability("rmcup");
}

Size CursesScreen::size() {
    winsize now{};
    const bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 && now.ws_row > 0 && now.ws_col > 0;
    if (is_known && (now.ws_row != LINES || now.ws_col != COLS)) resizeterm(now.ws_row, now.ws_col);
    return {static_cast<std::size_t>(LINES > 0 ? LINES : 1), static_cast<std::size_t>(COLS > 0 ? COLS : 1)};
}

void CursesScreen::draw(const Canvas& canvas) {
    erase();
    for (std::size_t row = 0; row < canvas.size().rows; ++row) {
        std::size_t column = 0;
        while (column < canvas.size().columns) {
            const std::size_t begin = column;
            const Style& style = canvas.at(row, begin).style;
            std::string run;
            for (; column < canvas.size().columns && canvas.at(row, column).style == style; ++column) {
                run += canvas.at(row, column).text;
            }
            attrset(attributes(style));
            mvaddstr(static_cast<int>(row), static_cast<int>(begin), run.c_str());
        }
    }
    attrset(A_NORMAL);
    refresh();
}

std::optional<Key> CursesScreen::next_key() {
    wint_t code = 0;
    int kind = ERR;
    do {
        kind = get_wch(&code);
    } while (kind == KEY_CODE_YES && code == KEY_RESIZE);  // no key of the user's: size() sees it
    if (kind == ERR) return std::nullopt;
    if (kind == KEY_CODE_YES) return function_key(static_cast<int>(code));
    if (code == redraw_code) clearok(curscr, TRUE);
    return character_key(code);
}

void CursesScreen::leave() { endwin(); }

void CursesScreen::come_back() {
    // Stopped by force, nobody gave the terminal back; others have used it since.
    if (!isendwin()) endwin();
    clearok(curscr, TRUE);
    refresh();
}

}  // namespace trackshm::tools
