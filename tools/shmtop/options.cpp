// SPDX-License-Identifier: Apache-2.0
#include "shmtop/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/namespace_option.hpp"
#include "common/output.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* description =
    "Shows who holds the device memory, right now, exactly: per device, per memory and per process.\n"
    "Reads the counters that shm_aggregator publishes; it never slows down or changes anything.";

constexpr const char* footer = R"(
LIST is comma-separated with ranges (2,4-5) and may be repeated. Filters act in every mode. With -p the live_bytes and
live_buffers of devices, of memories and of the whole count the chosen processes alone; peaks, gauges, capacities, totals,
failures, sizes and events are of all. --top cuts the list of processes that is shown, and the number of them with
it; no other figure changes, and checks see all. What ended processes leaked knows no devices: -d and -t do not limit it.

On a terminal shmtop shows a live screen: devices, processes, the largest buffers, ended processes, sizes. Tab or 1 to 5
chooses, h shows all keys, q quits. F2 has options; kept ones are in $XDG_CONFIG_HOME/trackshm/shmtoprc (~/.config), and
-r and -s come before them. Elsewhere, or with -b or -n, it prints plain frames.

Examples:
  shmtop                              live screen
  shmtop -a -r 500                    all devices, twice a second
  shmtop -1 -d 0-3 -t DRAM,L1         one frame of some devices and memories
  shmtop --json | jq .devices         for programs
  shmtop --query device,type,live_bytes,used_ratio --csv=noheader
  shmtop --query pid,comm,live_bytes --top 3
  shmtop --format prom -n 0 -o /var/lib/node_exporter/trackshm.prom
  shmtop --check 'live_bytes == 0 && leaked_bytes == 0'
  shmtop --check 'device[*].dram.used_ratio < 90%'
  shmtop --check 'processes == 0' --wait 30
  shmtop --record day.trk -r 5000     a frame every five seconds, until interrupted
  shmtop --replay day.trk             the screen, with what was then
  shmtop --replay day.trk --json -n 0 all of its frames

--check EXPR: comparisons (< <= > >= == !=) and truths (exact, !starved) joined by && and ||, with parentheses, of
  numbers         1048576, 1e12, 1.5GiB, 512 M (powers of 1024; KB, MB.. are powers of 1000), 90%, true, false
  everything      live_bytes live_buffers gauge_bytes used_ratio capacity_bytes allocations_total
                  allocated_bytes_total deallocations_total deallocated_bytes_total allocation_failures_total
                  leaked_bytes leaked_buffers (newest 256 that ended) leaked_bytes_total leaked_buffers_total
                  exited_total (all that ever ended) devices processes exact
                  reported applied pending coalesced dropped rejected unknown_frees ambiguous_frees
                  implicit_frees quarantined_processes waiting_processes publish_age_ns heartbeat_age_ns
  one memory      dram.FIELD, l1.FIELD, ..: the first two lines of these
  one device      device[3].FIELD, device[3].dram.FIELD: the same and peak_bytes peak_exact; device[3].FIELD:
                  peak_15s_bytes peak_60s_bytes
  one process     process[1234].FIELD: live_bytes live_buffers peak_bytes peak_exact exact quarantined starved,
                  events as above; process[1234].device[3].dram.FIELD: live_bytes live_buffers peak_bytes
  every one       device[*].FIELD, process[*].FIELD: the comparison must hold for each
What is not there holds 0. A used_ratio is of the fullest memory it is about; without a known capacity it fails.

Exit codes: 0 ok, 1 failure, 2 usage, 3 no aggregator, 4 permission denied, 5 other layout version or version of a
recording, 10 --check failed.)";

// The options as they are on the command line, before they are made sense of together.
struct RawOptions {
    std::vector<std::string> devices;
    std::vector<std::string> pids;
    std::vector<std::string> types;
    std::string sort_key = "live";
    std::string check;
    double wait_seconds = 0;
    std::string format;
    std::string csv;
    std::vector<std::string> query;
    bool help_query = false;
    bool batch = false;
    bool once = false;
    bool json = false;
    bool no_color = false;
};

void add_options(CLI::App& app, RawOptions& raw, Options& options) {
    const auto add_list = [&](const char* flags, std::vector<std::string>& list, const char* help) {
        app.add_option(flags, list, help)->option_text("LIST")->allow_extra_args(false);
    };
    app.add_flag("-a,--all", options.all,
                 "Show devices that never held anything, too; with --format prom: a series per process");
    add_list("-d,--device", raw.devices, "Only these devices");
    add_list("-p,--pid", raw.pids, "Only these processes, and what they hold of devices");
    add_list("-t,--type", raw.types, "Only these memories: names (DRAM, L1, ..) or numbers");
    app.add_option("-s,--sort", raw.sort_key, "Order of processes: live, peak, pid, buffers or comm")
        ->option_text("KEY (default: live)");
    app.add_option("--top", options.filter.top, "Only the first N processes in that order")
        ->option_text("N")
        ->check(CLI::Range(0, 2'000'000'000));
    app.add_option("-r,--refresh", options.refresh_ms, "Time between frames")
        ->option_text("MS (default: 1000)")
        ->check(CLI::Range(1, 86'400'000));
    app.add_flag("-b,--batch", raw.batch, "Plain text frames, one after another");
    app.add_option("-n,--iterations", options.iterations,
                   "Frames until it ends, on a terminal plain ones; 0: never. Default: 1, but endless for -b on a terminal")
        ->option_text("N")
        ->check(CLI::Range(0, 2'000'000'000));
    app.add_flag("-1,--once", raw.once, "One frame of plain text, or of the format asked for");
    app.add_option("--format", raw.format, "text, json, csv, csv,noheader or prom (Prometheus's text format)")
        ->option_text("FORMAT");
    app.add_flag("--json", raw.json, "One JSON document per frame, each on a line");
    app.add_flag("--history", options.history,
                 "In JSON, what each device held: every second of ten minutes, every ten of two hours");
    app.add_option("--csv", raw.csv, "One row per device and memory, below a header row unless =noheader")
        ->option_text("[=noheader]")
        ->expected(0, 1);
    add_list("--query", raw.query, "Columns of --csv, such as device,type,live_bytes; 'help' lists them");
    app.add_flag("--help-query", raw.help_query, "List the fields of --query and exit");
    app.add_option("--check", raw.check, "Exit with 10 unless EXPR holds, see below; prints nothing else by itself")
        ->option_text("EXPR");
    app.add_option("--wait", raw.wait_seconds, "With --check: give it so long to hold, and the aggregator to appear")
        ->option_text("SECONDS")
        ->check(number_between(0, 1e6));
    app.add_option("-o,--output", options.output_file,
                   "Write there instead of stdout, replacing the file atomically; an endless run keeps the last frame")
        ->option_text("FILE");
    app.add_option("--record", options.record_file,
                   "Append what is shown to a recording; without a screen or a format, nothing else")
        ->option_text("FILE");
    app.add_option("--replay", options.replay_file,
                   "Show a recording; without a screen its last frames, as -n says (0: all)")
        ->option_text("FILE");
    add_namespace_option(app, options.name_space);
    app.add_flag("-C,--no-color", raw.no_color, "No colours (also: environment NO_COLOR)");
    app.footer(footer);
}

// What --format, --json, --csv and --query ask for together; nothing if for no format. False: they disagree.
bool asked_format(const CLI::App& app, const RawOptions& raw, std::optional<View>& view, std::string& problem) {
    constexpr std::array<std::pair<std::string_view, View>, 5> formats = {{{"text", View::text},
                                                                          {"json", View::json},
                                                                          {"csv", View::csv},
                                                                          {"csv,noheader", View::csv},
                                                                          {"prom", View::prom}}};
    const auto ask = [&](View asked) {
        problem = "--format, --json, --csv and --query ask for different formats";
        return std::exchange(view, asked).value_or(asked) == asked;
    };
    if (app.count("--format") > 0) {
        const auto found = std::find_if(formats.begin(), formats.end(), [&](auto& f) { return f.first == raw.format; });
        if (found == formats.end()) {
            problem = fmt::format("--format: '{}' is no format; they are text, json, csv, csv,noheader and prom",
                                  raw.format);
            return false;
        }
        view = found->second;
    }
    if (raw.json && !ask(View::json)) return false;
    if (app.count("--csv") > 0 && !ask(View::csv)) return false;
    return raw.query.empty() || ask(View::csv);
}

View chosen_view(const RawOptions& raw, const Options& options, bool iterations_given, bool on_terminal) {
    if (raw.batch || raw.once) return View::text;
    if (!options.output_file.empty()) return View::text;
    if (options.check) return View::none;
    if (on_terminal && !iterations_given) return View::live;
    return options.record_file.empty() ? View::text : View::none;
}

// How many frames there are where -n does not say.
std::uint64_t default_iterations(const RawOptions& raw, const Options& options, bool on_terminal) {
    constexpr std::uint64_t endless = 0;
    if (raw.once || options.wait || options.check || !options.replay_file.empty()) return 1;
    if (options.view == View::none) return endless;  // recording is all it does
    return options.view == View::text && raw.batch && on_terminal && options.output_file.empty() ? endless : 1;
}

// Options that make no sense together; empty if there are none.
std::string contradiction(const CLI::App& app, const Options& options) {
    const auto given = [&](const char* option) { return app.count(option) > 0; };
    const bool several = given("--iterations") && options.iterations != 1;
    if (given("--once") && several) return "--once and --iterations exclude each other";
    if (given("--wait") && !options.check) return "--wait is for --check: say what to wait for";
    if (given("--wait") && several) return "--wait and --iterations exclude each other";
    if (given("--replay") && given("--record")) return "--replay and --record exclude each other";
    if (given("--replay") && given("--wait")) return "--replay and --wait exclude each other: nothing will change";
    if (given("--record") && given("--wait")) return "--record and --wait exclude each other";
    if (options.history && options.view != View::json) return "--history is for --json";
    if (options.history && given("--replay")) return "--history and --replay exclude each other: see -n 0 for its frames";
    if (given("--output") && options.output_file.empty()) return "--output: the name of a file is missing";
    if (given("--record") && options.record_file.empty()) return "--record: the name of a file is missing";
    if (given("--replay") && options.replay_file.empty()) return "--replay: the name of a file is missing";
    return {};
}

std::string filter_text(const RawOptions& raw, const Options& options) {
    std::string text;
    const auto add = [&](std::string_view flag, const std::string& value) {
        text += fmt::format("{}{} {}", text.empty() ? "" : " ", flag, value);
    };
    for (const std::string& list : raw.devices) add("-d", list);
    for (const std::string& list : raw.pids) add("-p", list);
    for (const std::string& list : raw.types) add("-t", list);
    if (options.filter.top) add("--top", std::to_string(*options.filter.top));
    return text;
}

// What of the options takes a word to make sense of it. False, with `problem` naming the option.
bool read_words(const CLI::App& app, const RawOptions& raw, Options& options, std::string& problem) {
    const auto names = [&](const char* option) {
        problem = fmt::format("{}: {}", option, problem);
        return false;
    };
    if (!add_devices(options.filter, raw.devices, problem)) return names("--device");
    if (!add_pids(options.filter, raw.pids, problem)) return names("--pid");
    if (!add_types(options.filter, raw.types, problem)) return names("--type");
    if (!set_sort_key(options.filter, raw.sort_key, problem)) return names("--sort");
    options.filter.text = filter_text(raw, options);
    if (app.count("--check") > 0) {
        options.check = Check::parse(raw.check, problem);
        if (!options.check) return names("--check");
    }
    if (!raw.query.empty()) {
        const auto query = CsvQuery::parse(raw.query, problem);
        if (!query) return names("--query");
        options.csv = *query;
    }
    if (!raw.csv.empty() && raw.csv != "noheader") {
        problem = fmt::format("--csv: '{}' is not noheader", raw.csv);
        return false;
    }
    options.csv_header = raw.csv != "noheader" && raw.format != "csv,noheader";
    return true;
}

bool asks_for_query_help(const RawOptions& raw) {
    return raw.help_query || (raw.query.size() == 1 && raw.query.front() == "help");
}

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, bool on_terminal, Options& options) {
    CLI::App app{description};
    RawOptions raw;
    add_common_flags(app, "shmtop");
    add_options(app, raw, options);
    if (const auto exit_code = parse_command_line(app, argc, argv)) return exit_code;

    if (asks_for_query_help(raw)) return exit_code_of("shmtop", write_stdout(csv_query_help()));

    std::string problem;
    std::optional<View> format;
    if (!read_words(app, raw, options, problem)) return usage_error("shmtop", problem);
    if (!asked_format(app, raw, format, problem)) return usage_error("shmtop", problem);
    if (app.count("--wait") > 0) options.wait = std::chrono::nanoseconds(std::llround(raw.wait_seconds * 1e9));
    options.refresh_given = app.count("--refresh") > 0;
    options.sort_given = app.count("--sort") > 0;
    const bool iterations_given = app.count("--iterations") > 0;
    options.view = format ? *format : chosen_view(raw, options, iterations_given, on_terminal);
    problem = contradiction(app, options);
    if (!problem.empty()) return usage_error("shmtop", problem);
    if (!iterations_given) options.iterations = default_iterations(raw, options, on_terminal);
    const char* no_color = std::getenv("NO_COLOR");
    options.color = !raw.no_color && (no_color == nullptr || *no_color == '\0');
    return std::nullopt;
}

}  // namespace trackshm::tools
