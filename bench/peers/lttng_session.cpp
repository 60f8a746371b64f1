// SPDX-License-Identifier: Apache-2.0
#include "peers/lttng_session.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "harness/programs.hpp"

namespace trackshm::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto command_timeout = 30s;
constexpr const char* session_name = "trackshm-bench";

// A tracepoint of root's connects to /run/lttng and nowhere else, so a daemon of our own needs a /run of our own.
void take_run_directory() {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", "/run", "tmpfs", 0, nullptr) != 0) {
        throw std::runtime_error("LTTng-UST needs a mount namespace of its own as root, which is not permitted here");
    }
}

std::string program_or_throw(const std::string& name) {
    const std::optional<std::string> path = find_program(name);
    if (!path) throw std::runtime_error(name + " is not installed");
    return *path;
}

}  // namespace

LttngSession::LttngSession(const std::string& provider) : directory_(make_temporary_directory("lttng")) {
    try {
        environment_ = {{"LTTNG_HOME", directory_.string()}};
        setenv("LTTNG_HOME", directory_.c_str(), 1);  // for the tracepoints of this process
        if (geteuid() == 0) take_run_directory();
        start_daemon();
        command({"create", session_name, "--output=" + (directory_ / "trace").string()});
        command({"enable-event", "--userspace", provider + ":*"});
        command({"start"});
    } catch (...) {
        daemon_.reset();
        std::filesystem::remove_all(directory_);
        throw;
    }
}

LttngSession::~LttngSession() {
    try {
        command({"destroy", "--no-wait", session_name});
        daemon_->signal(SIGTERM);
        daemon_->wait(5s);
    } catch (const std::exception&) {
        // The daemon is killed with the object, and its consumers end when it does.
    }
    daemon_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void LttngSession::stop() { command({"stop"}); }

std::uint64_t LttngSession::discarded_events() const {
    const std::string answer = command({"--mi=xml", "list", session_name});
    const std::string tag = "<discarded_events>";
    const std::size_t start = answer.find(tag);
    if (start == std::string::npos) throw std::runtime_error("lttng list does not say how many events were discarded");
    return std::stoull(answer.substr(start + tag.size()));
}

std::uint64_t LttngSession::trace_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_ / "trace")) {
        if (entry.is_regular_file()) sum += entry.file_size();
    }
    return sum;
}

std::string LttngSession::command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {"--no-sessiond"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const ProgramRun run = run_program(program_or_throw("lttng"), all, environment_, command_timeout);
    if (run.exit_status != 0) throw std::runtime_error(fmt::format("lttng {}: {}", arguments.front(), run.output));
    return run.output;
}

void LttngSession::start_daemon() {
    Process::Setup setup;
    setup.program = program_or_throw("lttng-sessiond");
    setup.arguments = {"--no-kernel", "--quiet"};
    setup.environment = environment_;
    setup.core = Core::consumer;  // and its consumers with it
    daemon_.emplace(setup);
    const auto deadline = std::chrono::steady_clock::now() + command_timeout;
    while (!daemon_answers()) {
        if (daemon_->wait(10ms)) throw std::runtime_error("lttng-sessiond ended at once");
        if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("lttng-sessiond does not answer");
    }
}

bool LttngSession::daemon_answers() const {
    return run_program(program_or_throw("lttng"), {"--no-sessiond", "--quiet", "list"}, environment_, command_timeout)
               .exit_status == 0;
}

}  // namespace trackshm::bench
