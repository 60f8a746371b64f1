// SPDX-License-Identifier: Apache-2.0
//
// shm_exporter: the counters of one or more namespaces as metrics for Prometheus.
#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/output.hpp"
#include "shm_exporter/collector.hpp"
#include "shm_exporter/options.hpp"
#include "shm_exporter/server.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* program = "shm_exporter";

// Blocked before any thread starts, so that none of them is interrupted and main can wait for them.
sigset_t block_stop_signals() {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, nullptr);
    return stop;
}

int cannot_listen(const ListenAddress& address, int error) {
    const bool denied = error == EACCES || error == EPERM;
    const char* const remedy = error == EADDRINUSE       ? "choose another port with --listen"
                               : error == EADDRNOTAVAIL ? "it is no address of this machine"
                               : denied                 ? "ports below 1024 are for root; choose another with --listen"
                                                        : "choose another address with --listen";
    print_error(program, fmt::format("cannot listen on {}: {}; {}", address.text(), std::strerror(error), remedy));
    return denied ? exit_permission_denied : exit_failure;
}

int run(int argc, char** argv) {
    ignore_write_signals();
    ExporterOptions options;
    if (const auto exit_code = parse_exporter_options(argc, argv, options)) return *exit_code;
    const sigset_t stop = block_stop_signals();
    if (const int error = why_not_listening(options.listen)) return cannot_listen(options.listen, error);

    const Collector collector(options);
    const MetricsServer server(options.listen, collector);
    print_error(program, fmt::format("serving http://{}/metrics",
                                     ListenAddress::text(options.listen.host, server.port(), options.listen.is_ipv6)));
    int signal = 0;
    sigwait(&stop, &signal);
    return exit_ok;
}

}  // namespace
}  // namespace trackshm::tools

int main(int argc, char** argv) {
    return trackshm::tools::run_program(trackshm::tools::program, trackshm::tools::run, argc, argv);
}
