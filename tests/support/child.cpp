// SPDX-License-Identifier: Apache-2.0
#include "support/child.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <string_view>

#include "support/eventually.hpp"

namespace trackshm::test {

namespace {

std::vector<std::string> environment_of_child(const Environment& added) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (!text.starts_with("TRACKSHM") && !text.starts_with("TT_ALLOC")) result.emplace_back(text);
    }
    for (const auto& [name, value] : added) result.push_back(name + "=" + value);
    return result;
}

// Programs of this build run in the emulator it needs, if any; also those that another program starts (shmrun, unshare).
Arguments with_emulator(const Arguments& arguments) {
#ifdef TRACKSHM_EMULATOR
    const Arguments emulator{TRACKSHM_EMULATOR};
    Arguments result;
    for (const std::string& argument : arguments) {
        if (argument.starts_with(TRACKSHM_BINARY_DIR)) result.insert(result.end(), emulator.begin(), emulator.end());
        result.push_back(argument);
    }
    return result;
#else
    return arguments;
#endif
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& text : strings) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

// Between fork and exec; nothing here may allocate.
[[noreturn]] void become(char* const* arguments, char* const* environment, int input, int output, int error,
                         std::optional<uid_t> uid) {
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    if (uid && (setgroups(0, nullptr) != 0 || setgid(*uid) != 0 || setuid(*uid) != 0)) _exit(126);
    // A test that dies takes its children along.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    execvpe(arguments[0], arguments, environment);
    _exit(127);
}

ExitStatus to_exit_status(int status) {
    if (WIFSIGNALED(status)) return {-1, WTERMSIG(status)};
    return {WEXITSTATUS(status), 0};
}

}  // namespace

std::string in_shell(const std::string& program) {
    std::string line;
    for (const std::string& word : with_emulator({program})) line += (line.empty() ? "" : " ") + word;
    return line;
}

Capture::Capture() : fd_(memfd_create("capture", MFD_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error("memfd_create failed");
}

Capture::~Capture() { close(fd_); }

std::string Capture::all() const {
    std::string result;
    std::array<char, 65536> buffer;
    for (ssize_t n; (n = pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(result.size()))) > 0;) {
        result.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return result;
}

std::optional<std::string> Capture::next_line() {
    std::string line;
    std::array<char, 1024> buffer;
    off_t at = read_bytes_;
    for (ssize_t n; (n = pread(fd_, buffer.data(), buffer.size(), at)) > 0; at += n) {
        const std::string_view piece(buffer.data(), static_cast<std::size_t>(n));
        const std::size_t end = piece.find('\n');
        line += piece.substr(0, end);
        if (end == std::string_view::npos) continue;
        read_bytes_ += static_cast<off_t>(line.size()) + 1;
        return line;
    }
    return std::nullopt;
}

Child::Child(const Arguments& arguments, const ChildOptions& options) {
    std::vector<std::string> argument_strings = with_emulator(arguments);
    std::vector<std::string> environment_strings = environment_of_child(options.environment);
    const std::vector<char*> argument_pointers = pointers_to(argument_strings);
    const std::vector<char*> environment_pointers = pointers_to(environment_strings);

    std::array<int, 2> input{};
    if (pipe2(input.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    pid_ = fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
        become(argument_pointers.data(), environment_pointers.data(), input[0], output_.fd(), error_.fd(), options.uid);
    }
    ::close(input[0]);
    input_ = input[1];
}

Child::~Child() {
    kill();
    close_input();
}

void Child::write_line(const std::string& line) {
    // The harness must not die of a child that is gone: reading its answer tells that better.
    static const auto ignored = ::signal(SIGPIPE, SIG_IGN);
    static_cast<void>(ignored);
    const std::string text = line + "\n";
    if (write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw std::runtime_error("the child does not read its input any more; it printed: " + error_output());
    }
}

void Child::close_input() {
    if (input_ >= 0) ::close(input_);
    input_ = -1;
}

std::string Child::read_line(Milliseconds deadline) {
    std::optional<std::string> line;
    eventually([&] { return (line = output_.next_line()).has_value() || has_ended(); }, deadline);
    if (!line) line = output_.next_line();  // written between the look and its end
    if (!line) throw std::runtime_error("no line from the child; its standard error: " + error_output());
    return *line;
}

std::string Child::read_error_line_with(const std::string& text, Milliseconds deadline) {
    std::optional<std::string> line;
    const auto found = [&] {
        while ((line = error_.next_line())) {
            if (line->find(text) != std::string::npos) return true;
        }
        return false;
    };
    eventually([&] { return found() || has_ended(); }, deadline);
    if (!line && !found()) throw std::runtime_error("the child did not print '" + text + "' but: " + error_output());
    return *line;
}

void Child::signal(int number) const {
    if (!status_) ::kill(pid_, number);
}

void Child::stop() const {
    signal(SIGSTOP);
    int status = 0;
    waitpid(pid_, &status, WUNTRACED);
}

void Child::resume() const { signal(SIGCONT); }

// Without a deadline: nothing survives SIGKILL, and a destructor that gave up would leave segments behind.
void Child::kill() {
    if (status_) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = to_exit_status(status);
}

ExitStatus Child::wait(Milliseconds deadline) {
    if (!eventually([&] { return has_ended(); }, deadline)) {
        throw std::runtime_error("the child did not end in time; its standard error: " + error_output());
    }
    return *status_;
}

bool Child::has_ended() {
    if (status_) return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    status_ = to_exit_status(status);
    return true;
}

}  // namespace trackshm::test
