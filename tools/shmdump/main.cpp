// SPDX-License-Identifier: Apache-2.0
//
// shmdump: every live buffer, every segment, and cleaning up.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/namespace_option.hpp"
#include "common/output.hpp"
#include "shmdump/buffers.hpp"
#include "shmdump/clean.hpp"
#include "segments/inventory.hpp"
#include "shmdump/segments.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* program = "shmdump";

constexpr const char* description =
    "Looks into the shared-memory segments of a namespace: every live buffer, every segment, and cleaning up.\n"
    "Works while everything runs, and after everything has died.";

constexpr const char* footer = R"(
Examples:
  shmdump buffers                     every live buffer, process by process
  shmdump buffers --pid 1234 --json   for programs
  shmdump segments                    what lies in /dev/shm, and whose it is
  shmdump clean                       removes what is left of dead processes and will not be needed
  shmdump clean --all                 and what stopped aggregators have saved: figures start anew

Exit codes: 0 ok, 1 failure, 2 usage, 3 no aggregator has ever served the namespace or, for segments, there is none,
4 permission denied, 5 other layout version.)";

struct Options {
    std::string name_space;
    std::vector<std::string> pids;
    NumberList pid_list;
    bool json = false;
    bool all = false;
};

int run_buffers(const Options& options) {
    const Inventory inventory = Inventory::of(options.name_space);
    const BufferListing listing = list_buffers(inventory, options.pid_list);
    if (listing.tables.empty() && listing.unreadable > 0) {
        print_error(program, "no permission to read the tables: run as the aggregator's user");
        return exit_permission_denied;
    }
    if (listing.tables.empty() && listing.foreign_layout > 0) {
        print_error(program, "the tables are of another layout version: use the tools of the aggregator's release");
        return exit_incompatible_layout;
    }
    if (!inventory.has(shm::SegmentKind::ledger)) {
        if (inventory.has(SegmentState::foreign_layout)) {
            print_error(program, "what is there is of another layout version: use the tools of the aggregator's release");
            return exit_incompatible_layout;
        }
        print_error(program, fmt::format("no aggregator has served namespace '{0}'; start one with: shm_aggregator "
                                         "--namespace {0}",
                                         options.name_space));
        return exit_no_aggregator;
    }
    if (listing.unreadable > 0) {
        print_error(program, fmt::format("{} tables are left out: no permission to read them", listing.unreadable));
    }
    for (const TableScan& table : listing.tables) {
        if (table.consistent) continue;
        print_error(program, fmt::format("process {} allocates too fast for one moment: its list mixes several",
                                         table.pid));
    }
    return exit_code_of(program, options.json ? write_buffers_json(listing, write_stdout)
                                              : write_buffers_text(listing, write_stdout));
}

int run_segments(const Options& options) {
    const Inventory inventory = Inventory::of(options.name_space);
    if (inventory.segments().empty()) {
        print_error(program, fmt::format("namespace '{0}' has no segment; start an aggregator with: shm_aggregator "
                                         "--namespace {0}",
                                         options.name_space));
        return exit_no_aggregator;
    }
    return exit_code_of(program, write_stdout(options.json ? segments_json(inventory) : segments_text(inventory)));
}

int run_clean(const Options& options) {
    const CleanResult result = clean(Inventory::of(options.name_space), options.all);
    const int exit_code = exit_code_of(program, write_stdout(result.report));
    if (exit_code != exit_ok || !result.failed) return exit_code;
    print_error(program, "some segments could not be removed: see the lines above");
    return result.denied ? exit_permission_denied : exit_failure;
}

int run(int argc, char** argv) {
    ignore_write_signals();
    CLI::App app{description};
    Options options;
    add_common_flags(app, program);
    add_namespace_option(app, options.name_space);
    app.require_subcommand(0, 1);  // our own words where there is none
    app.fallthrough();

    const CLI::App* buffers = [&] {
        CLI::App* command = app.add_subcommand("buffers", "List the live buffers: process, device, memory, id, ..");
        command->add_option("-p,--pid", options.pids, "Only these processes, as 12,20-25; may be repeated")
            ->option_text("LIST")
            ->allow_extra_args(false);
        command->add_flag("--json", options.json, "One JSON array");
        return command;
    }();
    const CLI::App* segments = [&] {
        CLI::App* command = app.add_subcommand("segments", "List the segments: kind, state, owner, size and storage");
        command->add_flag("--json", options.json, "One JSON array");
        return command;
    }();
    app.add_subcommand("clean", "Remove segments of dead processes that no aggregator will need")
        ->add_flag("-a,--all", options.all, "The saved state of stopped aggregators, too");

    app.footer(footer);  // last: not for those above
    if (const auto exit_code = parse_command_line(app, argc, argv)) return *exit_code;
    for (const std::string& list : options.pids) {
        std::string problem;
        if (!options.pid_list.add(list, std::numeric_limits<std::int32_t>::max(), problem)) {
            return usage_error(program, "--pid: " + problem);
        }
    }
    if (app.get_subcommands().empty()) return usage_error(program, "say what to do: buffers, segments or clean");
    if (buffers->parsed()) return run_buffers(options);
    if (segments->parsed()) return run_segments(options);
    return run_clean(options);
}

}  // namespace
}  // namespace trackshm::tools

int main(int argc, char** argv) {
    return trackshm::tools::run_program(trackshm::tools::program, trackshm::tools::run, argc, argv);
}
