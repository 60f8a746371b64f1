// SPDX-License-Identifier: Apache-2.0
#include "shm_exporter/options.hpp"

#include <fmt/format.h>

#include "common/command_line.hpp"
#include "common/namespace_option.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* description =
    "Serves the counters that shm_aggregator publishes to Prometheus, as http://ADDRESS:PORT/metrics. Reads one\n"
    "snapshot per scrape; while no aggregator runs, trackshm_up is 0.";

constexpr const char* footer = R"(
Without --listen only this machine can scrape it. It serves figures and command names to whoever can connect, and
nothing else; what may connect is for the address and the firewall to decide.

Examples:
  shm_exporter                                      http://127.0.0.1:9477/metrics
  shm_exporter --listen 0.0.0.0:9477                for a Prometheus on another machine
  shm_exporter --namespace ci --namespace default   two namespaces, told apart by the label namespace
  shm_exporter --per-process --max-processes 20     series for the 20 processes that hold the most

Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failure, 2 usage, 4 permission to listen there denied.)";

}  // namespace

std::optional<int> parse_exporter_options(int argc, const char* const* argv, ExporterOptions& options) {
    CLI::App app{description};
    std::string listen = options.listen.text();
    add_common_flags(app, "shm_exporter");
    app.add_option("--listen", listen, "Address and port to listen on; a port alone means 127.0.0.1, port 0 a free one")
        ->option_text(fmt::format("ADDRESS:PORT (default: {})", listen));
    add_namespaces_option(app, options.name_spaces);
    const CLI::Option* per_process =
        app.add_flag("--per-process", options.per_process, "Series per process and memory, too");
    app.add_option("--max-processes", options.max_processes,
                   "With --per-process: only for the N that hold the most, the others summed up")
        ->option_text(fmt::format("N (default: {})", options.max_processes))
        ->check(CLI::Range(0, 1024));
    app.footer(footer);
    if (const auto exit_code = parse_command_line(app, argc, argv)) return exit_code;

    if (app.count("--max-processes") > 0 && per_process->count() == 0) {
        return usage_error("shm_exporter", "--max-processes is of no use without --per-process");
    }
    const auto address = parse_listen_address(listen);
    if (!address) {
        return usage_error("shm_exporter",
                           fmt::format("--listen: '{}' is no ADDRESS:PORT like 127.0.0.1:9477", listen));
    }
    options.listen = *address;
    return std::nullopt;
}

}  // namespace trackshm::tools
