// SPDX-License-Identifier: Apache-2.0
//
// shm_aggregator: command line and signals.
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "aggregator/advice.hpp"
#include "aggregator/aggregator.hpp"
#include "aggregator/message.hpp"
#include "aggregator/service_manager.hpp"
#include "shm/names.hpp"
#include "shm/process_abi.hpp"

using trackshm::aggregator::say;

namespace {

enum ExitCode { exit_ok = 0, exit_failure = 1, exit_usage = 2, exit_served = 3 };

constexpr const char* description =
    "Collects what tracked processes report about device memory and publishes it for shmtop and others.\n"
    "Runs in the foreground until SIGTERM or SIGINT; its state stays in /dev/shm, and the next run goes on from there.";

constexpr const char* footer =
    "Examples:\n"
    "  shm_aggregator                       serve the default namespace\n"
    "  shm_aggregator --namespace ci-42     serve another one: processes need TRACKSHM_NAMESPACE=ci-42\n"
    "  shm_aggregator --log-events          one line per event on stdout\n"
    "\n"
    "Processes are tracked when started with TRACKSHM=1 (see also: shmrun). It may be started before or after them.\n"
    "Run as root it serves every user's processes, as a user that user's own.\n"
    "\n"
    "Exit codes: 0 stopped cleanly, 1 failure, 2 usage, 3 another aggregator serves this namespace.";

unsigned parse_mode(const std::string& text) {
    std::size_t used = 0;
    const unsigned long mode = std::stoul(text, &used, 8);
    if (used != text.size() || (mode & ~0666ul) != 0 || (mode & 0022) != 0 || (mode & 0600) != 0600) {
        throw std::invalid_argument(text);
    }
    return static_cast<unsigned>(mode);
}

// The signals that stop it arrive on a descriptor that the duty cycle waits on.
int block_signals() {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, nullptr);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like others
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Three descriptors per tracked process: the usual soft limit of 1024 would end at 340.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int serve(trackshm::aggregator::Options options) {
    using trackshm::aggregator::Aggregator;
    const std::string name_space = options.name_space;
    const int stop_fd = block_signals();
    if (stop_fd < 0) {
        say("cannot wait for signals: {}", trackshm::aggregator::reason_and_remedy(errno));
        return exit_failure;
    }
    raise_descriptor_limit();
    trackshm::aggregator::ServiceManager manager;
    Aggregator aggregator(std::move(options));
    std::string message;
    switch (aggregator.start(message)) {
        case Aggregator::Start::ok: break;
        case Aggregator::Start::served_by_another:
            say(message);
            return exit_served;
        case Aggregator::Start::failed: say(message); return exit_failure;
    }
    say("ready namespace={} pid={}", name_space, getpid());
    manager.ready("serving namespace " + name_space);
    aggregator.run(stop_fd, manager);
    return exit_ok;
}

}  // namespace

int main(int argc, char** argv) {
    trackshm::aggregator::Options options;
    options.name_space = trackshm::shm::default_namespace;
    if (const char* name = std::getenv("TRACKSHM_NAMESPACE")) options.name_space = name;
    std::string mode = geteuid() == 0 ? "0644" : "0600";

    CLI::App app{description, "shm_aggregator"};
    app.footer(footer);
    app.set_help_flag("-h,--help", "Show this help and exit");
    app.set_version_flag("-V,--version",
                         fmt::format("shm_aggregator {} (layout version {})", TRACKSHM_VERSION,
                                     trackshm::shm::layout_version),
                         "Show the version and the layout version, and exit");
    app.add_option("--namespace", options.name_space,
                   "Namespace to serve: 1 to 32 letters, digits, '_' or '-' (default: $TRACKSHM_NAMESPACE or default)")
        ->option_text("NAME")
        ->check([](const std::string& name) {
            return trackshm::shm::is_valid_namespace(name) ? std::string{}
                                                           : "'" + name + "' is not 1 to 32 letters, digits, '_' or '-'";
        });
    app.add_flag("--quiet", options.quiet, "Print nothing but the ready line and fatal errors");
    app.add_flag("--log-events", options.log_events, "Print one line per applied event on stdout");
    app.add_flag("--fresh", options.fresh, "Forget the state of an earlier run");
    app.add_option("--mode", mode, "Permissions of the stats segment, octal (default: 0644 for root, 0600 for a user)")
        ->option_text("MODE");
    try {
        app.parse(argc, argv);
        options.mode = parse_mode(mode);
    } catch (const CLI::Success& request) {
        app.exit(request);
        if (std::cout.flush()) return exit_ok;
        say("cannot write to stdout: {}", std::strerror(errno));
        return exit_failure;
    } catch (const CLI::ParseError& error) {
        say("{} (see shm_aggregator --help)", error.what());
        return exit_usage;
    } catch (const std::exception&) {
        say("--mode {}: not octal permissions like 0600 or 0644: its owner must read and write, others may not write", mode);
        return exit_usage;
    }
    if (!trackshm::shm::is_valid_namespace(options.name_space)) {
        say("TRACKSHM_NAMESPACE '{}' is not 1 to 32 letters, digits, '_' or '-'", options.name_space);
        return exit_usage;
    }
    try {
        return serve(std::move(options));
    } catch (const std::exception& error) {
        say("{}", error.what());
        return exit_failure;
    }
}
