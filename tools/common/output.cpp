// SPDX-License-Identifier: Apache-2.0
#include "common/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

namespace trackshm::tools {

namespace fs = std::filesystem;

namespace {

// False, with errno set, if there is no waiting for it.
bool wait_for_room(int fd) {
    pollfd wanted{fd, POLLOUT, 0};
    return ::poll(&wanted, 1, -1) >= 0 || errno == EINTR;
}

// A descriptor that others share may have been made non-blocking by them: a full pipe is waited for all the same.
OutputResult write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EPIPE) {
            return OutputResult::reader_gone;
        } else if (errno != EINTR && (errno != EAGAIN || !wait_for_room(fd))) {
            return OutputResult::failed;
        }
    }
    return OutputResult::ok;
}

// Mode of the file that takes the place of `path`: that of the old one, else that of any new file, without mkstemp's
// restriction to its owner.
mode_t file_mode(const fs::path& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0) return info.st_mode & 0777;
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

// Where a chain of symbolic links ends, there or not.
fs::path target_of(fs::path path) {
    constexpr int longest_chain = 40;  // as the kernel's
    std::error_code error;
    for (int i = 0; i < longest_chain && fs::is_symlink(path, error); ++i) {
        const fs::path next = fs::read_symlink(path, error);
        if (error) break;
        path = path.parent_path() / next;  // an absolute one replaces all of it
    }
    return path;
}

// Whether `path` names what stdout is, be it the file it was redirected to.
bool is_stdout(const std::string& path) {
    struct stat named {};
    struct stat standard {};
    return path.empty() || path == "-" || path == "/dev/stdout" ||
           (stat(path.c_str(), &named) == 0 && fstat(STDOUT_FILENO, &standard) == 0 && S_ISREG(named.st_mode) &&
            named.st_dev == standard.st_dev && named.st_ino == standard.st_ino);
}

// "/dev/fd/3" and the like lead to what a descriptor is open on. That may be an ordinary file, which somebody holds open
// and wants to be written to. All else below /dev is named like any other file: /dev/shm/snapshot.json is one.
bool names_descriptor(const fs::path& path) {
    if (path == "/dev/stdout" || path == "/dev/stderr") return true;
    const std::string& text = path.native();
    return path.parent_path().filename() == "fd" && (text.starts_with("/dev/fd/") || text.starts_with("/proc/"));
}

// The descriptor of this process that `path` names, if it does.
std::optional<int> own_descriptor(const std::string& path) {
    if (is_stdout(path)) return STDOUT_FILENO;
    if (path == "/dev/stderr") return STDERR_FILENO;
    for (const std::string_view prefix : {"/dev/fd/", "/proc/self/fd/"}) {
        if (!path.starts_with(prefix)) continue;
        int descriptor = -1;
        const char* const end = path.data() + path.size();
        const auto [parsed, error] = std::from_chars(path.data() + prefix.size(), end, descriptor);
        if (error == std::errc{} && parsed == end) return descriptor;
    }
    return std::nullopt;
}

// Opened anew, an ordinary file would be written to from its start; others who write to it may be further on.
int open_in_place(const std::string& path) {
    if (const auto descriptor = own_descriptor(path)) return fcntl(*descriptor, F_DUPFD_CLOEXEC, 0);
    return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
}

bool is_replaced_by_writing(const std::string& path) {
    if (is_stdout(path)) return false;
    struct stat info {};
    return stat(path.c_str(), &info) != 0 || (S_ISREG(info.st_mode) && !names_descriptor(path));
}

// While one lives, no signal ends the process: it arrives afterwards.
class DelayedSignals {
public:
    DelayedSignals() {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &previous_);
    }
    ~DelayedSignals() { sigprocmask(SIG_SETMASK, &previous_, nullptr); }
    DelayedSignals(const DelayedSignals&) = delete;
    DelayedSignals& operator=(const DelayedSignals&) = delete;

private:
    sigset_t previous_{};
};

OutputResult replace(const fs::path& path, std::string_view text) {
    const DelayedSignals delayed;  // none may leave the temporary file behind
    // A name of its own: with a long `path` one made of it might be too long, and a hidden one matches no "*.prom".
    std::string temporary = (path.parent_path() / ".trackshm.XXXXXX").string();
    const int fd = mkostemp(temporary.data(), O_CLOEXEC);
    if (fd < 0) return OutputResult::failed;
    OutputResult result = write_all(fd, text);
    if (result == OutputResult::ok && fchmod(fd, file_mode(path)) != 0) result = OutputResult::failed;
    if (::close(fd) != 0 && result == OutputResult::ok) result = OutputResult::failed;
    if (result == OutputResult::ok && std::rename(temporary.c_str(), path.c_str()) != 0) result = OutputResult::failed;
    if (result != OutputResult::ok) {
        const int error = errno;
        ::unlink(temporary.c_str());
        errno = error;
    }
    return result;
}

}  // namespace

void ignore_write_signals() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

OutputResult write_stdout(std::string_view text) { return write_all(STDOUT_FILENO, text); }

Output::Output(std::string path) : path_(std::move(path)), is_replaced_(is_replaced_by_writing(path_)) {}

Output::~Output() {
    if (fd_ >= 0) ::close(fd_);
}

OutputResult Output::write(std::string_view text) {
    if (is_replaced_) return replace(target_of(path_), text);
    if (fd_ < 0) fd_ = open_in_place(path_);
    return fd_ < 0 ? OutputResult::failed : write_all(fd_, text);
}

OutputResult write_file(const std::string& path, std::string_view text) { return Output(path).write(text); }

}  // namespace trackshm::tools
