// SPDX-License-Identifier: Apache-2.0
//
// shmtop: who holds the device memory, right now. Reads one snapshot per frame (trackshm/stats.hpp), filters it and
// shows it in the chosen view.
#include <chrono>
#include <exception>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/output.hpp"
#include "common/terminal.hpp"
#include "shmtop/batch.hpp"
#include "shmtop/live.hpp"
#include "shmtop/live_frames.hpp"
#include "shmtop/live_source.hpp"
#include "shmtop/options.hpp"

namespace trackshm::tools {
namespace {

int run(int argc, char** argv) {
    ignore_write_signals();
    Options options;
    if (const auto exit_code = parse_options(argc, argv, is_interactive_terminal(), options)) return *exit_code;

    const bool with_details = options.view == View::json || options.view == View::prom;
    if (options.wait) {
        const auto holds = [&options](stats::Snapshot snapshot) {
            apply_filter(options.filter, snapshot);
            return !options.check->failure(snapshot);
        };
        AwaitedFrame frame(options.name_space, *options.wait, with_details, holds);
        return run_batch(frame, options);
    }
    stats::Error error;
    auto reader = stats::Reader::open(options.name_space, error);
    if (!reader) {
        print_error("shmtop", error.message);
        return error.exit_code();
    }
    if (options.view == View::live) {
        LiveSource source(*reader, options.name_space, options.filter);
        if (const auto exit_code = run_live(source, options)) return *exit_code;
    }
    LiveFrames frames(*reader, std::chrono::milliseconds(options.refresh_ms), options.iterations, with_details);
    return run_batch(frames, options);
}

}  // namespace
}  // namespace trackshm::tools

int main(int argc, char** argv) {
    try {
        return trackshm::tools::run(argc, argv);
    } catch (const std::exception& error) {
        trackshm::tools::print_error("shmtop", error.what());
        return trackshm::tools::exit_failure;
    }
}
