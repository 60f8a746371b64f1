// SPDX-License-Identifier: Apache-2.0
#include "shmtop/options.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/namespace_option.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* description =
    "Shows who holds the device memory, right now, exactly: per device, per memory and per process.\n"
    "Reads the counters that shm_aggregator publishes; it never slows down or changes anything.";

constexpr const char* footer = R"(
LIST is comma-separated with ranges (2,4-5) and may be repeated. Filters act in every mode.

On a terminal shmtop shows a live screen: q, F10 or Esc quits, p pauses, arrows, PgUp, PgDn, Home and End scroll.
Elsewhere, or with -b, it prints plain frames.

Examples:
  shmtop                              live screen
  shmtop -a -r 500                    all devices, twice a second
  shmtop -1 -d 0-3 -t DRAM,L1         one frame of some devices and memories
  shmtop --json | jq .devices         for programs
  shmtop --csv -o memory.csv          one row per device and memory
  shmtop --check 'live_bytes == 0 && leaked_bytes == 0'
  shmtop --check 'device[3].dram.used_ratio < 90%'

--check EXPR: comparisons (< <= > >= == !=) joined by && and ||, with parentheses, of
  numbers         1048576, 1.5GiB, 512M (powers of 1024; KB, MB.. are powers of 1000), 90%, true, false
  everywhere      live_bytes live_buffers leaked_bytes leaked_buffers processes exact
                  reported applied pending coalesced dropped rejected
                  unknown_frees ambiguous_frees implicit_frees quarantined_processes
                  waiting_processes
  one memory      dram.FIELD, l1.FIELD, ..: live_bytes live_buffers used_ratio capacity_bytes
  one device      device[3].FIELD, device[3].dram.FIELD: the same and peak_bytes
  one process     process[1234].FIELD: live_bytes live_buffers peak_bytes pending dropped exact
What is not there holds 0. A used_ratio without a known capacity fails the check.

Exit codes: 0 ok, 1 failure, 2 usage, 3 no aggregator, 4 permission denied, 5 other layout version, 10 --check failed.)";

// The options as they are on the command line, before they are made sense of together.
struct RawOptions {
    std::vector<std::string> devices;
    std::vector<std::string> pids;
    std::vector<std::string> types;
    std::string sort_key = "live";
    std::string check;
    bool batch = false;
    bool once = false;
    bool json = false;
    bool csv = false;
    bool no_color = false;
};

void add_options(CLI::App& app, RawOptions& raw, Options& options) {
    const auto add_list = [&](const char* flags, std::vector<std::string>& list, const char* help) {
        app.add_option(flags, list, help)->option_text("LIST")->expected(1)->allow_extra_args(false);
    };
    app.add_flag("-a,--all", options.all, "Show devices that never held anything, too");
    add_list("-d,--device", raw.devices, "Only these devices");
    add_list("-p,--pid", raw.pids, "Only these processes");
    add_list("-t,--type", raw.types, "Only these memories: names (DRAM, L1, ..) or numbers");
    app.add_option("-s,--sort", raw.sort_key, "Order of processes: live, peak, pid, buffers or comm")
        ->option_text("KEY (default: live)");
    app.add_option("--top", options.filter.top, "Only the first N processes in that order")
        ->option_text("N")
        ->check(CLI::Range(0, 2'000'000'000));
    app.add_option("-r,--refresh", options.refresh_ms, "Time between frames")
        ->option_text("MS (default: 1000)")
        ->check(CLI::Range(10, 86'400'000));
    app.add_flag("-b,--batch", raw.batch, "Plain text frames, one after another");
    app.add_option("-n,--iterations", options.iterations,
                   "Frames until it ends, 0: never. Default: 1, but endless for -b on a terminal")
        ->option_text("N")
        ->check(CLI::Range(0, 2'000'000'000));
    app.add_flag("-1,--once", raw.once, "One frame of plain text, or of --json or --csv");
    app.add_flag("--json", raw.json, "One JSON document per frame, each on a line");
    app.add_flag("--csv", raw.csv, "One row per device and memory, below a header row");
    app.add_option("--check", raw.check, "Exit with 10 unless EXPR holds, see below; prints nothing else by itself")
        ->option_text("EXPR");
    app.add_option("-o,--output", options.output_file,
                   "Write there instead of stdout, replacing the file atomically; an endless run keeps the last frame")
        ->option_text("FILE");
    add_namespace_option(app, options.name_space);
    app.add_flag("-C,--no-color", raw.no_color, "No colours (also: environment NO_COLOR)");
    app.footer(footer);
}

View chosen_view(const RawOptions& raw, const Options& options, bool iterations_given, bool on_terminal) {
    if (raw.json) return View::json;
    if (raw.csv) return View::csv;
    if (raw.batch || raw.once) return View::text;
    if (options.check) return View::none;
    return on_terminal && !iterations_given && options.output_file.empty() ? View::live : View::text;
}

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, bool on_terminal, Options& options) {
    CLI::App app{description};
    RawOptions raw;
    add_common_flags(app, "shmtop");
    add_options(app, raw, options);
    if (const auto exit_code = parse_command_line(app, argc, argv)) return exit_code;

    std::string problem;
    const auto rejected = [&](const char* option) {
        return usage_error("shmtop", fmt::format("{}: {}", option, problem));
    };
    if (!add_devices(options.filter, raw.devices, problem)) return rejected("--device");
    if (!add_pids(options.filter, raw.pids, problem)) return rejected("--pid");
    if (!add_types(options.filter, raw.types, problem)) return rejected("--type");
    if (!set_sort_key(options.filter, raw.sort_key, problem)) return rejected("--sort");
    if (app.count("--check") > 0) {
        options.check = Check::parse(raw.check, problem);
        if (!options.check) return rejected("--check");
    }
    if (raw.json && raw.csv) return usage_error("shmtop", "--json and --csv exclude each other");

    const bool iterations_given = app.count("--iterations") > 0;
    if (raw.once && iterations_given && options.iterations != 1) {
        return usage_error("shmtop", "--once and --iterations exclude each other");
    }
    options.view = chosen_view(raw, options, iterations_given, on_terminal);
    const bool endless_by_itself =
        raw.batch && !raw.once && !iterations_given && on_terminal && options.output_file.empty();
    if (endless_by_itself && options.view == View::text) options.iterations = 0;
    const char* no_color = std::getenv("NO_COLOR");
    options.color = !raw.no_color && (no_color == nullptr || *no_color == '\0');
    return std::nullopt;
}

}  // namespace trackshm::tools
