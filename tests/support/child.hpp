// SPDX-License-Identifier: Apache-2.0
//
// A child process as a value: started with a clean environment, its output captured, killed when it goes out of scope.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace trackshm::test {

using Arguments = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;
using Milliseconds = std::chrono::milliseconds;

// Generous: a test waits for a condition, and this long only to fail.
inline constexpr Milliseconds default_deadline{30000};

struct ExitStatus {
    int code = -1;   // of a process that exited
    int signal = 0;  // of a process that was killed

    bool exited_with(int expected) const { return signal == 0 && code == expected; }
    bool killed_by(int expected) const { return signal == expected; }
};

// An unnamed file a child writes into and its parent reads.
class Capture {
public:
    Capture();
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    int fd() const { return fd_; }
    std::string all() const;
    // The next complete line not yet returned, without its end; nothing if there is none yet.
    std::optional<std::string> next_line();

private:
    int fd_;
    off_t read_bytes_ = 0;
};

struct ChildOptions {
    Environment environment;     // added to this process's, from which every TRACKSHM* variable is taken out
    std::optional<uid_t> uid{};  // run as this user and group
};

// How a shell calls a program of this build.
std::string in_shell(const std::string& program);

class Child {
public:
    explicit Child(const Arguments& arguments, const ChildOptions& options = {});
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const { return pid_; }

    void write_line(const std::string& line);
    void close_input();

    // Throws when none comes in time.
    std::string read_line(Milliseconds deadline = default_deadline);
    // The next line if there is one already.
    std::optional<std::string> next_line() { return output_.next_line(); }
    // The first line of standard error that contains `text`. Throws when none comes in time.
    std::string read_error_line_with(const std::string& text, Milliseconds deadline = default_deadline);

    std::string output() const { return output_.all(); }
    std::string error_output() const { return error_.all(); }

    void signal(int number) const;
    // SIGSTOP, and waits until it is stopped.
    void stop() const;
    void resume() const;
    // SIGKILL, and waits until it is gone.
    void kill();

    // Throws when it does not end in time.
    ExitStatus wait(Milliseconds deadline = default_deadline);
    bool has_ended();

private:
    Capture output_;
    Capture error_;
    int input_ = -1;
    pid_t pid_ = -1;
    std::optional<ExitStatus> status_;
};

}  // namespace trackshm::test
