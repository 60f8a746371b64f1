// SPDX-License-Identifier: Apache-2.0
#include "shmtop/live.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "shmtop/crash_guard.hpp"
#include "shmtop/curses_screen.hpp"
#include "shmtop/filter.hpp"
#include "shmtop/screen/compose.hpp"
#include "shmtop/screen/keys.hpp"
#include "shmtop/screen/settings_file.hpp"
#include "shmtop/signal_watch.hpp"

namespace trackshm::tools {
namespace {

constexpr std::chrono::seconds seek_step{10};
constexpr std::chrono::milliseconds first_look{50};  // how often to ask for buffers while there are none to be seen

// The user's settings, and what the command line says instead.
UiState initial_state(const Options& options, Charset charset) {
    UiState state;
    std::string problem;
    state.settings = load_settings(settings_path(), problem);
    if (!problem.empty()) state.tell(problem, true);
    if (options.refresh_given) state.settings.refresh_ms = std::max(options.refresh_ms, min_refresh_ms);
    if (options.sort_given) {
        const auto key = find_name(traits_of(ViewId::processes).sort_keys, sort_key_name(options.filter.sort_key));
        if (key) state.settings.of(ViewId::processes) = {*key, false, state.settings.of(ViewId::processes).columns};
    }
    state.view = state.settings.view;
    state.all_devices = options.all;
    state.charset = charset;
    return state;
}

class LiveView {
public:
    LiveView(SnapshotSource& source, const Options& options, CursesScreen& screen)
        : source_(source), options_(options), screen_(screen), state_(initial_state(options, screen.charset())) {
        input_.can_seek = source.can_seek();
        input_.filter = options.filter;
    }

    // Runs until the user quits, a signal asks for it or there are no more pictures.
    int run(const SignalWatch& signals) {
        using Clock = std::chrono::steady_clock;
        auto next_refresh = Clock::now();
        while (SignalWatch::ending_signal() == 0) {
            if (Clock::now() >= next_refresh) {
                next_refresh = Clock::now() + std::chrono::milliseconds(state_.settings.refresh_ms);
                if (!refresh_figures()) return error_.exit_code();
            }
            draw();
            const auto refresh = std::chrono::milliseconds(state_.settings.refresh_ms);
            next_refresh = std::min(next_refresh, Clock::now() + refresh);  // it may have been shortened
            auto pause = std::max(next_refresh - Clock::now(), Clock::duration::zero());
            if (is_looking_for_buffers()) pause = std::min<Clock::duration>(pause, first_look);
            if (!signals.wait(pause)) return exit_ok;
            follow_job_control();
            if (!handle_keys(next_refresh)) return exit_ok;
        }
        return exit_ok;
    }

    // One line, if run() ended for an error.
    const std::string& problem() const { return error_.message; }

private:
    // A source that can be moved in keeps still by itself while it is paused.
    bool refresh_figures() {
        if (state_.paused && !source_.can_seek()) return true;
        if (!source_.next(latest_, error_)) return false;
        source_.catch_up([this](const stats::Snapshot& past) { input_.history.add(past); });
        input_.history.add(latest_);
        input_.snapshot = latest_;
        apply_filter(options_.filter, input_.snapshot);
        cut_processes(options_.filter, input_.snapshot);
        input_.source_status = source_.status();
        return true;
    }

    void draw() {
        const Wanted wanted{.details = state_.view == ViewId::devices || state_.view == ViewId::sizes,
                            .parents = state_.view == ViewId::processes && state_.settings.tree,
                            .buffers = state_.view == ViewId::buffers};
        const bool may_move = !state_.paused || source_.can_seek();
        const bool has_no_buffers = wanted.buffers && input_.extras.buffers == nullptr;
        if (may_move || has_no_buffers) source_.gather(wanted, latest_, input_.extras);
        apply_filter(options_.filter, input_.extras.details);  // once more changes nothing
        screen_.draw(compose(screen_.size(), input_, state_));
    }

    bool is_looking_for_buffers() const {
        return state_.view == ViewId::buffers && input_.extras.buffers_are_coming;
    }

    void follow_job_control() {
        if (SignalWatch::was_asked_to_stop()) {
            screen_.leave();
            SignalWatch::stop_process();
        }
        if (SignalWatch::was_continued()) screen_.come_back();
    }

    // False: quit.
    template <class TimePoint>
    bool handle_keys(TimePoint& next_refresh) {
        while (const auto key = screen_.next_key()) {
            const ListModel model = list_of(input_, state_);
            const Layout layout = lay_out(screen_.size(), input_, state_, model);
            const Effect effect = handle_key(*key, {model, layout.page_rows(), input_.can_seek}, state_);
            if (effect == Effect::quit) return false;
            if (carry_out(effect)) next_refresh = {};
        }
        return true;
    }

    // Returns whether there is another picture now.
    bool carry_out(Effect effect) {
        switch (effect) {
            case Effect::none:
            case Effect::quit: return false;
            case Effect::save_settings: save(); return false;
            case Effect::pause_changed: source_.set_paused(state_.paused); break;
            case Effect::seek_back: source_.seek_by(-seek_step); break;
            case Effect::seek_on: source_.seek_by(seek_step); break;
            case Effect::slower: source_.scale_speed(0.5); break;
            case Effect::faster: source_.scale_speed(2); break;
        }
        return true;
    }

    void save() {
        const std::string path = settings_path();
        std::string problem;
        const bool is_saved = save_settings(path, state_.settings, problem);
        state_.tell(is_saved ? "saved to " + path : problem, !is_saved);
    }

    SnapshotSource& source_;
    const Options& options_;
    CursesScreen& screen_;
    stats::Snapshot latest_;  // before the filter
    ScreenInput input_;
    UiState state_;
    stats::Error error_;
};

}  // namespace

std::optional<int> run_live(SnapshotSource& source, const Options& options) {
    int exit_code = exit_ok;
    std::string problem;
    {
        const SignalWatch signals;
        CursesScreen screen(options.color);
        if (!screen.is_open()) return std::nullopt;
        const CrashGuard crash_guard(screen.modes_before(), CursesScreen::farewell());
        LiveView view(source, options, screen);
        exit_code = view.run(signals);
        problem = view.problem();
    }
    if (const int signal = SignalWatch::ending_signal(); signal != 0) std::raise(signal);
    if (exit_code != exit_ok) print_error("shmtop", problem);
    return exit_code;
}

}  // namespace trackshm::tools
