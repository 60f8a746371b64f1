// SPDX-License-Identifier: Apache-2.0
#include "shmtop/live.hpp"

#define NCURSES_NOMACROS  // its macros have names like "timeout" and "move"
#include <curses.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <clocale>
#include <csignal>
#include <string>
#include <utility>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "shmtop/filter.hpp"
#include "shmtop/view_batch.hpp"

namespace trackshm::tools {
namespace {

constexpr std::array ending_signals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr int escape_key = 27;
constexpr short warning_pair = 1;
constexpr short critical_pair = 2;

volatile std::sig_atomic_t received_signal = 0;

void remember_signal(int signal) { received_signal = signal; }

// While one lives, ending signals arrive only inside wait() and are remembered instead of ending the process.
class SignalWatch {
public:
    SignalWatch() {
        struct sigaction action {};
        action.sa_handler = remember_signal;
        sigset_t blocked;
        sigemptyset(&blocked);
        for (std::size_t i = 0; i < ending_signals.size(); ++i) {
            sigaddset(&blocked, ending_signals[i]);
            sigaction(ending_signals[i], &action, &previous_actions_[i]);
        }
        sigprocmask(SIG_BLOCK, &blocked, &previous_mask_);
    }
    ~SignalWatch() {
        for (std::size_t i = 0; i < ending_signals.size(); ++i) {
            sigaction(ending_signals[i], &previous_actions_[i], nullptr);
        }
        sigprocmask(SIG_SETMASK, &previous_mask_, nullptr);
    }
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

    // Until a key, a signal or the end of the time. False if the terminal is gone.
    bool wait(std::chrono::nanoseconds duration) const {
        pollfd input{STDIN_FILENO, POLLIN, 0};
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
        const timespec timeout{seconds.count(), (duration - seconds).count()};
        const int ready = ppoll(&input, 1, &timeout, &previous_mask_);
        return ready <= 0 || (input.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
    }

private:
    std::array<struct sigaction, ending_signals.size()> previous_actions_{};
    sigset_t previous_mask_{};
};

// The terminal in curses' hands; given back on every way out.
class Screen {
public:
    explicit Screen(bool color) {
        std::setlocale(LC_CTYPE, "");
        screen_ = newterm(nullptr, stdout, stdin);
        if (screen_ == nullptr) return;
        set_term(screen_);
        cbreak();
        noecho();
        nodelay(stdscr, TRUE);
        keypad(stdscr, TRUE);
        set_escdelay(25);
        curs_set(0);
        if (color && has_colors()) {
            start_color();
            use_default_colors();
            init_pair(warning_pair, COLOR_YELLOW, -1);
            init_pair(critical_pair, COLOR_RED, -1);
            has_color_ = true;
        }
    }
    ~Screen() {
        if (screen_ == nullptr) return;
        endwin();
        delscreen(screen_);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    bool is_open() const { return screen_ != nullptr; }
    static std::size_t rows() { return static_cast<std::size_t>(std::max(LINES, 1)); }
    static std::size_t columns() { return static_cast<std::size_t>(std::max(COLS, 1)); }

    void draw(std::size_t row, const FrameLine& line) const {
        attrset(attributes(line.tone));
        mvaddstr(static_cast<int>(row), 0, line.text.c_str());
        attrset(A_NORMAL);
    }

private:
    attr_t attributes(Tone tone) const {
        switch (tone) {
            case Tone::title: return A_BOLD;
            case Tone::heading: return A_REVERSE;
            case Tone::warning: return has_color_ ? COLOR_PAIR(warning_pair) : A_NORMAL;
            case Tone::critical: return (has_color_ ? COLOR_PAIR(critical_pair) : A_NORMAL) | A_BOLD;
            case Tone::normal: break;
        }
        return A_NORMAL;
    }

    SCREEN* screen_ = nullptr;
    bool has_color_ = false;
};

class LiveView {
public:
    LiveView(SnapshotSource& source, const Options& options, const Screen& screen)
        : source_(source), options_(options), screen_(screen) {}

    // Runs until the user quits, a signal arrives or the segment turns unreadable.
    int run(const SignalWatch& signals) {
        using Clock = std::chrono::steady_clock;
        auto next_refresh = Clock::now();
        while (received_signal == 0) {
            if (Clock::now() >= next_refresh) {
                next_refresh = Clock::now() + std::chrono::milliseconds(options_.refresh_ms);
                if ((!paused_ || source_.can_seek()) && !refresh_snapshot()) return error_.exit_code();
            }
            draw();
            if (!signals.wait(std::max(next_refresh - Clock::now(), Clock::duration::zero()))) return exit_ok;
            if (!handle_keys()) return exit_ok;
        }
        return exit_ok;
    }

    // One line, if run() ended for an error.
    const std::string& problem() const { return error_.message; }

private:
    bool refresh_snapshot() {
        if (!source_.next(snapshot_, error_)) return false;
        apply_filter(options_.filter, snapshot_);
        return true;
    }

    void draw() {
        const Frame frame = make_frame(snapshot_, {.columns = Screen::columns(), .all_devices = options_.all});
        const std::size_t body_rows = Screen::rows() - 1;
        const std::size_t last_top = frame.size() > body_rows ? frame.size() - body_rows : 0;
        top_ = std::min(top_, last_top);
        erase();
        for (std::size_t row = 0; row < body_rows && top_ + row < frame.size(); ++row) {
            screen_.draw(row, frame[top_ + row]);
        }
        const std::string position =
            last_top == 0 ? "" : fmt::format("  lines {}-{} of {}", top_ + 1, top_ + body_rows, frame.size());
        const std::string keys =
            fmt::format("{}q quit  p pause  arrows scroll{}", paused_ ? "PAUSED  " : "", position);
        screen_.draw(body_rows, {keys.substr(0, Screen::columns() - 1), Tone::title});
        refresh();
    }

    // False: quit.
    bool handle_keys() {
        for (int key = getch(); key != ERR; key = getch()) {
            if (key == 'q' || key == 'Q' || key == escape_key || key == KEY_F(10)) return false;
            if (key == 'p' || key == 'P') paused_ = !paused_;
            scroll_by_key(key);
        }
        return true;
    }

    void scroll_by_key(int key) {
        const std::size_t page = std::max<std::size_t>(Screen::rows() - 2, 1);
        switch (key) {
            case KEY_UP: top_ -= std::min<std::size_t>(top_, 1); break;
            case KEY_DOWN: top_ += 1; break;
            case KEY_PPAGE: top_ -= std::min(top_, page); break;
            case KEY_NPAGE: top_ += page; break;
            case KEY_HOME: top_ = 0; break;
            case KEY_END: top_ = static_cast<std::size_t>(-1) / 2; break;  // draw() knows where the end is
            default: break;
        }
    }

    SnapshotSource& source_;
    const Options& options_;
    const Screen& screen_;
    stats::Snapshot snapshot_;
    stats::Error error_;
    std::size_t top_ = 0;  // first line of the frame on the screen
    bool paused_ = false;
};

}  // namespace

std::optional<int> run_live(SnapshotSource& source, const Options& options) {
    int exit_code = exit_ok;
    std::string problem;
    {
        const SignalWatch signals;
        const Screen screen(options.color);
        if (!screen.is_open()) return std::nullopt;
        LiveView view(source, options, screen);
        exit_code = view.run(signals);
        problem = view.problem();
    }
    if (received_signal != 0) std::raise(received_signal);
    if (exit_code != exit_ok) print_error("shmtop", problem);
    return exit_code;
}

}  // namespace trackshm::tools
