// SPDX-License-Identifier: Apache-2.0
#include "harness/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fmt/format.h>

namespace trackshm::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Nothing here takes nearly as long; a benchmark that hangs must fail, not hang its caller.
constexpr auto child_timeout = 240s;
constexpr auto settle_timeout = 30s;
constexpr auto poll_interval = 1ms;

volatile std::sig_atomic_t interrupted = 0;

void check_interrupt() {
    if (interrupted != 0) throw std::runtime_error("interrupted");
}

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// Waits until `fd` is readable; false if it is not within `timeout`.
bool wait_readable(int fd, std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    while (true) {
        check_interrupt();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd item{fd, POLLIN, 0};
        const int ready = poll(&item, 1, static_cast<int>(std::max(left, 0ms).count()));
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) throw_errno("poll");
    }
}

bool belongs_to_the_library(std::string_view variable) {
    return variable.rfind("TRACKSHM", 0) == 0 || variable.rfind("TT_ALLOC_TRACKING", 0) == 0;
}

std::vector<std::string> environment_with(const Environment& additions) {
    std::vector<std::string> result;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        if (!belongs_to_the_library(*variable)) result.emplace_back(*variable);
    }
    for (const auto& [name, value] : additions) result.push_back(name + "=" + value);
    return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
}

// Runs in the new process, between fork and exec.
[[noreturn]] void execute(const Process::Setup& setup, char** arguments, char** environment, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    if (setup.core) pin_to(*setup.core);
    if (setup.inherited_fd >= 0) fcntl(setup.inherited_fd, F_SETFD, 0);
    if (setup.output_fd >= 0) dup2(setup.output_fd, STDOUT_FILENO);
    if (setup.error_fd >= 0) dup2(setup.error_fd, STDERR_FILENO);
    execve(setup.program.c_str(), arguments, environment);
    _exit(127);
}

std::string read_to_end(int fd, std::chrono::milliseconds timeout) {
    std::string text;
    char buffer[4096];
    const auto deadline = Clock::now() + timeout;
    while (wait_readable(fd, std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()))) {
        const ssize_t length = read(fd, buffer, sizeof buffer);
        if (length < 0) throw_errno("reading a child's figures");
        if (length == 0) return text;
        text.append(buffer, static_cast<std::size_t>(length));
    }
    throw std::runtime_error("no figures in time");
}

}  // namespace

void throw_on_interrupt() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

Process::Process(const Setup& setup) {
    std::vector<std::string> arguments = setup.arguments;
    arguments.insert(arguments.begin(), setup.program);
    std::vector<std::string> environment = environment_with(setup.environment);
    const std::vector<char*> argument_pointers = pointers_to(arguments);
    const std::vector<char*> environment_pointers = pointers_to(environment);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) throw_errno("fork");
    if (pid_ == 0) {
        execute(setup, const_cast<char**>(argument_pointers.data()), const_cast<char**>(environment_pointers.data()),
                parent);
    }
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    if (pidfd_ < 0) throw_errno("pidfd_open");
}

Process::~Process() {
    if (!status_) {
        signal(SIGKILL);
        while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    close(pidfd_);
}

void Process::signal(int number) const noexcept {
    if (!status_) kill(pid_, number);
}

std::optional<int> Process::wait(std::chrono::milliseconds timeout) {
    if (!status_ && wait_readable(pidfd_, timeout)) {
        int status = 0;
        if (waitpid(pid_, &status, 0) == pid_) status_ = status;
    }
    return status_;
}

UniqueNamespace::UniqueNamespace() {
    static int count = 0;
    name_ = fmt::format("bench-{}-{}", getpid(), count++);
}

UniqueNamespace::~UniqueNamespace() {
    const std::string prefix = "trackshm." + name_ + ".";
    std::error_code ignored;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", ignored)) {
        if (entry.path().filename().string().rfind(prefix, 0) == 0) files.push_back(entry.path());
    }
    for (const auto& file : files) std::filesystem::remove(file, ignored);
}

Environment UniqueNamespace::tracking_on() const { return {{"TRACKSHM", "1"}, {"TRACKSHM_NAMESPACE", name_}}; }

AggregatorProcess::AggregatorProcess(const std::string& program)
    : program_(program), error_fd_(memfd_create("aggregator-stderr", MFD_CLOEXEC)) {
    start();
}

void AggregatorProcess::restart() {
    reader_.reset();
    process_.reset();  // kills it
    start();
}

void AggregatorProcess::start() {
    Process::Setup setup;
    setup.program = program_;
    setup.arguments = {"--namespace", name_space_.name()};
    setup.core = Core::consumer;
    setup.error_fd = error_fd_;
    process_.emplace(setup);
    wait_until_readable();
}

AggregatorProcess::~AggregatorProcess() {
    process_->signal(SIGCONT);
    process_->signal(SIGTERM);
    try {
        process_->wait(10s);
    } catch (const std::exception&) {
        // Interrupted: the destructor of the process kills it.
    }
    close(error_fd_);
}

void AggregatorProcess::wait_until_readable() {
    stats::Error error;
    const auto deadline = Clock::now() + settle_timeout;
    while (!(reader_ = stats::Reader::open(name_space_.name(), error))) {
        check_interrupt();
        if (process_->wait(poll_interval)) {
            throw std::runtime_error(fmt::format("the aggregator ended at once: {}", error_output()));
        }
        if (Clock::now() > deadline) {
            throw std::runtime_error(fmt::format("no counters to read: {} {}", error.message, error_output()));
        }
    }
}

std::string AggregatorProcess::error_output() const {
    std::string text(4096, '\0');
    const ssize_t length = pread(error_fd_, text.data(), text.size(), 0);
    text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return text.empty() ? "it said nothing; is the path given with --aggregator right?" : text;
}

stats::Snapshot AggregatorProcess::settled_snapshot() {
    const auto deadline = Clock::now() + settle_timeout;
    while (true) {
        check_interrupt();
        stats::Error error;
        stats::Snapshot snapshot;
        if (!reader_->read(snapshot, error)) throw std::runtime_error("cannot read the counters: " + error.message);
        if (snapshot.processes.empty() && !snapshot.exited.empty() && snapshot.events.pending == 0) return snapshot;
        if (Clock::now() > deadline) {
            throw std::runtime_error(
                fmt::format("the counters never settled: {} processes left, {} ended, {} events pending",
                            snapshot.processes.size(), snapshot.exited.size(), snapshot.events.pending));
        }
        std::this_thread::sleep_for(poll_interval);
    }
}

Figures run_child(const std::string& role, const nlohmann::json& arguments, const Environment& environment) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
    Process::Setup setup;
    setup.program = std::filesystem::read_symlink("/proc/self/exe").string();
    setup.arguments = {"--child",        role, "--child-arguments", arguments.dump(),
                       "--child-output", std::to_string(ends[1])};
    setup.environment = environment;
    setup.inherited_fd = ends[1];
    try {
        Process child(setup);
        close(std::exchange(ends[1], -1));
        const std::string text = read_to_end(ends[0], child_timeout);
        const std::optional<int> status = child.wait(child_timeout);
        if (!status) throw std::runtime_error("it did not exit");
        if (*status != 0) throw std::runtime_error(fmt::format("it ended with wait status {:#x}", *status));
        close(ends[0]);
        return Figures::parse(text);
    } catch (const std::exception& failure) {
        for (const int fd : ends) {
            if (fd >= 0) close(fd);
        }
        throw std::runtime_error(fmt::format("child {}: {}", role, failure.what()));
    }
}

void send_figures(int fd, const Figures& figures) {
    const std::string text = figures.dump();
    std::size_t sent = 0;
    while (sent < text.size()) {
        const ssize_t written = write(fd, text.data() + sent, text.size() - sent);
        if (written < 0) throw_errno("sending the figures");
        sent += static_cast<std::size_t>(written);
    }
    close(fd);
}

}  // namespace trackshm::bench
