// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "shmtop/check.hpp"
#include "shmtop/filter.hpp"
#include "shmtop/view_csv.hpp"

namespace trackshm::tools {

enum class View {
    live,   // the screen
    text,   // the same frame as plain text
    json,
    csv,
    prom,   // Prometheus's text format
    none,   // --check alone: the exit code is all the output there is
};

struct Options {
    std::string name_space;
    View view = View::live;
    std::uint64_t refresh_ms = 1000;
    std::uint64_t iterations = 1;  // 0: until interrupted
    bool refresh_given = false;    // on the command line, as against the user's settings; so is
    bool sort_given = false;       // the key of the filter
    bool all = false;              // devices that never held anything, too
    bool color = true;
    std::string output_file;       // empty: stdout
    std::string record_file;       // empty: nothing is recorded
    std::string replay_file;       // empty: a running aggregator
    bool history = false;          // in JSON
    CsvQuery csv;
    bool csv_header = true;
    std::optional<Check> check;
    std::optional<std::chrono::nanoseconds> wait;  // for the check to hold
    Filter filter;
};

// Nothing if shmtop is to go on with `options`, else what to exit with. `on_terminal`: whether the live screen is
// possible.
std::optional<int> parse_options(int argc, const char* const* argv, bool on_terminal, Options& options);

}  // namespace trackshm::tools
