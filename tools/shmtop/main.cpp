// SPDX-License-Identifier: Apache-2.0
//
// shmtop: who holds the device memory, right now. Reads one snapshot per frame (trackshm/stats.hpp), filters it and
// shows it in the chosen view.
#include <chrono>
#include <string>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/output.hpp"
#include "common/terminal.hpp"
#include "recording/recorder.hpp"
#include "recording/recording.hpp"
#include "shmtop/batch.hpp"
#include "shmtop/live.hpp"
#include "recording/live_frames.hpp"
#include "shmtop/live_source.hpp"
#include "shmtop/options.hpp"
#include "recording/recorded_frames.hpp"
#include "shmtop/replay_source.hpp"
#include "shmtop/source_to_record.hpp"

namespace trackshm::tools {
namespace {

int failed(const stats::Error& error) {
    print_error("shmtop", error.message);
    return error.exit_code();
}

int replay(const Options& options) {
    stats::Error error;
    const auto recording = Recording::open(options.replay_file, error);
    if (!recording) return failed(error);
    const std::string damage = recording->damage();
    if (!damage.empty()) print_error("shmtop", damage);
    if (options.view == View::live) {
        ReplaySource source(*recording);
        if (const auto exit_code = run_live(source, options)) return *exit_code;
    }
    RecordedFrames frames(*recording, options.iterations);
    return run_batch(frames, options);
}

bool wants_details(const Options& options) { return options.view == View::json || options.view == View::prom; }

int wait_for_check(const Options& options) {
    const auto holds = [&options](stats::Snapshot snapshot) {
        apply_filter(options.filter, snapshot);
        return !check_failure(options, snapshot);
    };
    AwaitedFrame frame(options.name_space, *options.wait, wants_details(options), holds);
    return run_batch(frame, options);
}

int record(stats::Reader& reader, const Options& options) {
    stats::Error error;
    auto recorder = Recorder::open(options.record_file, error);
    if (!recorder) return failed(error);
    if (options.view == View::live) {
        LiveSource live(reader, options.name_space, options.filter);
        SourceToRecord source(live, reader, *recorder);
        if (const auto exit_code = run_live(source, options)) return *exit_code;
    }
    const std::chrono::milliseconds refresh(options.refresh_ms);
    if (options.iterations == 0) {
        LastingFrames live(options.name_space, refresh, true);
        FramesToRecord frames(live, *recorder);
        return run_batch(frames, options);
    }
    LiveFrames live(reader, refresh, options.iterations, true);
    FramesToRecord frames(live, *recorder);
    return run_batch(frames, options);
}

// Metrics that are written over and over are for a collector, which is to learn that there are none.
bool outlives_aggregators(const Options& options) {
    return options.view == View::prom && options.iterations == 0 && options.record_file.empty() && !options.check;
}

int show_for_ever(const Options& options) {
    LastingFrames frames(options.name_space, std::chrono::milliseconds(options.refresh_ms), wants_details(options));
    return run_batch(frames, options);
}

int show(stats::Reader& reader, const Options& options) {
    if (options.view == View::live) {
        LiveSource source(reader, options.name_space, options.filter);
        if (const auto exit_code = run_live(source, options)) return *exit_code;
    }
    const std::chrono::milliseconds refresh(options.refresh_ms);
    LiveFrames frames(reader, refresh, options.iterations, wants_details(options));
    return run_batch(frames, options);
}

int run(int argc, char** argv) {
    ignore_write_signals();
    Options options;
    if (const auto exit_code = parse_options(argc, argv, is_interactive_terminal(), options)) return *exit_code;
    if (!options.replay_file.empty()) return replay(options);
    if (options.wait) return wait_for_check(options);
    if (outlives_aggregators(options)) return show_for_ever(options);

    stats::Error error;
    auto reader = stats::Reader::open(options.name_space, error);
    if (!reader) return failed(error);
    return options.record_file.empty() ? show(*reader, options) : record(*reader, options);
}

}  // namespace
}  // namespace trackshm::tools

int main(int argc, char** argv) {
    return trackshm::tools::run_program("shmtop", trackshm::tools::run, argc, argv);
}
