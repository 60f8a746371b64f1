// SPDX-License-Identifier: Apache-2.0
//
// shmtop: who holds the device memory, right now. Reads one snapshot per frame (trackshm/stats.hpp), filters it and
// shows it in the chosen view.
#include <exception>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/output.hpp"
#include "common/terminal.hpp"
#include "shmtop/batch.hpp"
#include "shmtop/live.hpp"
#include "shmtop/live_source.hpp"
#include "shmtop/options.hpp"

namespace trackshm::tools {
namespace {

int run(int argc, char** argv) {
    ignore_broken_pipes();
    Options options;
    if (const auto exit_code = parse_options(argc, argv, is_interactive_terminal(), options)) return *exit_code;

    stats::Error error;
    auto reader = stats::Reader::open(options.name_space, error);
    if (!reader) {
        print_error("shmtop", error.message);
        return error.exit_code();
    }
    if (options.view == View::live) {
        LiveSource source(*reader, options.name_space);
        if (const auto exit_code = run_live(source, options)) return *exit_code;
    }
    return run_batch(*reader, options);
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
