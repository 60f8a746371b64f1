// SPDX-License-Identifier: Apache-2.0
#include "common/output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace trackshm::tools {
namespace {

OutputResult write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EPIPE) {
            return OutputResult::reader_gone;
        } else if (errno != EINTR) {
            return OutputResult::failed;
        }
    }
    return OutputResult::ok;
}

// Mode of a file created without mkstemp's restriction to its owner.
mode_t default_file_mode() {
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

}  // namespace

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

OutputResult write_stdout(std::string_view text) { return write_all(STDOUT_FILENO, text); }

OutputResult replace_file(const std::string& path, std::string_view text) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {  // a device or a pipe is written to, not replaced
        const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (fd < 0) return OutputResult::failed;
        const OutputResult result = write_all(fd, text);
        ::close(fd);
        return result;
    }

    std::string temporary = path + ".XXXXXX";
    const int fd = mkostemp(temporary.data(), O_CLOEXEC);
    if (fd < 0) return OutputResult::failed;
    OutputResult result = write_all(fd, text);
    if (result == OutputResult::ok && fchmod(fd, default_file_mode()) != 0) result = OutputResult::failed;
    if (::close(fd) != 0 && result == OutputResult::ok) result = OutputResult::failed;
    if (result == OutputResult::ok && std::rename(temporary.c_str(), path.c_str()) != 0) result = OutputResult::failed;
    if (result != OutputResult::ok) {
        const int error = errno;
        ::unlink(temporary.c_str());
        errno = error;
    }
    return result;
}

}  // namespace trackshm::tools
