// SPDX-License-Identifier: Apache-2.0
//
// shmtrace: a recording, or some seconds of now, for the viewers of other projects.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <string>
#include <utility>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/namespace_option.hpp"
#include "common/output.hpp"
#include "recording/live_frames.hpp"
#include "recording/recorded_frames.hpp"
#include "recording/recording.hpp"
#include "shmtrace/chrome_trace.hpp"
#include "shmtrace/pprof_profile.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* program = "shmtrace";

constexpr const char* description =
    "Exports a recording of shmtop --record, or some seconds of a running aggregator, for other viewers:\n"
    "a trace for Perfetto (ui.perfetto.dev) and chrome://tracing, or a profile for pprof.";

constexpr const char* footer = R"(
chrome: what every device and process held over time, and when processes ended.
pprof: who held what in the last frame; stacks are device, memory, process.

Examples:
  shmtrace day.trk -o day.json                   open day.json in ui.perfetto.dev
  shmtrace --live --seconds 30 -o now.json
  shmtrace --live --format pprof -o now.pb.gz && pprof -http : now.pb.gz

Exit codes: 0 ok, 1 failure, 2 usage, 3 no aggregator, 4 permission denied, 5 other layout version or version of a
recording.)";

struct Options {
    std::string name_space;
    std::string recording;
    bool live = false;
    double seconds = 10;
    std::uint64_t refresh_ms = 100;
    std::string format = "chrome";
    std::string output_file;  // empty: stdout
};

int failed(const stats::Error& error) {
    print_error(program, error.message);
    return error.exit_code();
}

int write(const std::string& text, const Options& options) {
    return exit_code_of(program, write_file(options.output_file, text), options.output_file);
}

volatile std::sig_atomic_t interrupted = 0;

// The first SIGINT or SIGTERM ends the frames, and what there is of them is written; a second one ends the program.
void end_frames_on_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

// All frames there are, the last of them left in `snapshot`. If the frames fail after the first, what went before is kept:
// `error` says why there is no more.
template <class Add>
bool gather(FrameSource& frames, stats::Snapshot& snapshot, stats::Error& error, Add&& add) {
    stats::Details details;
    stats::Snapshot next;
    bool is_first = true;
    while (is_first || interrupted == 0) {
        const FrameResult result = frames.next(next, details, error);
        if (result == FrameResult::end) return true;
        if (result != FrameResult::frame) return !is_first;
        is_first = false;
        std::swap(snapshot, next);
        add(snapshot);
    }
    return true;
}

int export_frames(FrameSource& frames, const Options& options) {
    stats::Snapshot last;
    stats::Error error;
    ChromeTrace trace;
    const bool is_profile = options.format == "pprof";
    const auto add = [&](const stats::Snapshot& snapshot) {
        if (!is_profile) trace.add(snapshot);
    };
    if (!gather(frames, last, error, add)) return failed(error);
    const int written = write(is_profile ? pprof_profile(last) : trace.finish(), options);
    return written == exit_ok && !error.message.empty() ? failed(error) : written;
}

int export_recording(const Options& options) {
    stats::Error error;
    const auto recording = Recording::open(options.recording, error);
    if (!recording) return failed(error);
    const std::string damage = recording->damage();
    if (!damage.empty()) print_error(program, damage);
    const bool needs_all = options.format == "chrome";
    RecordedFrames frames(*recording, needs_all ? 0 : 1);
    return export_frames(frames, options);
}

int export_live(const Options& options, bool seconds_given) {
    stats::Error error;
    auto reader = stats::Reader::open(options.name_space, error);
    if (!reader) return failed(error);
    end_frames_on_signals();
    // A profile is of one moment: now, unless it is told to wait for another.
    const double seconds = options.format == "pprof" && !seconds_given ? 0 : options.seconds;
    const double refreshes = seconds * 1000 / static_cast<double>(options.refresh_ms);
    LiveFrames frames(*reader, std::chrono::milliseconds(options.refresh_ms),
                      static_cast<std::uint64_t>(std::floor(refreshes)) + 1, false);
    return export_frames(frames, options);
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("FILE", options.recording, "Recording to export")->option_text(" ");
    app.add_flag("--live", options.live, "Export what happens from now on instead");
    app.add_option("--seconds", options.seconds, "With --live: for how long")
        ->option_text("N (default: 10; for pprof 0)")
        ->check(number_between(0, 86400));
    app.add_option("-r,--refresh", options.refresh_ms, "With --live: time between frames")
        ->option_text("MS (default: 100)")
        ->check(CLI::Range(10, 86'400'000));
    app.add_option("--format", options.format, "chrome or pprof")
        ->option_text("FORMAT (default: chrome)")
        ->check([](const std::string& name) {
            const bool known = name == "chrome" || name == "pprof";
            return known ? std::string{} : fmt::format("'{}' is no format; they are chrome and pprof", name);
        });
    app.add_option("-o,--output", options.output_file, "Write there instead of stdout, replacing the file atomically")
        ->option_text("FILE");
    add_namespace_option(app, options.name_space);
    app.footer(footer);
}

int run(int argc, char** argv) {
    ignore_write_signals();
    CLI::App app{description};
    Options options;
    add_common_flags(app, program);
    add_options(app, options);
    if (const auto exit_code = parse_command_line(app, argc, argv)) return *exit_code;
    const bool seconds_given = app.count("--seconds") > 0;
    if (options.live == !options.recording.empty()) {
        return usage_error(program, "one of the two is needed: a recording, or --live");
    }
    if (!options.live && (seconds_given || app.count("--refresh") > 0)) {
        return usage_error(program, "--seconds and --refresh are for --live");
    }
    if (app.count("--output") > 0 && options.output_file.empty()) {
        return usage_error(program, "--output: the name of a file is missing");
    }
    if (options.format == "pprof" && options.output_file.empty() && isatty(STDOUT_FILENO) == 1) {
        return usage_error(program, "a profile is not for a terminal: say where to with -o FILE");
    }
    return options.live ? export_live(options, seconds_given) : export_recording(options);
}

}  // namespace
}  // namespace trackshm::tools

int main(int argc, char** argv) {
    return trackshm::tools::run_program(trackshm::tools::program, trackshm::tools::run, argc, argv);
}
