// SPDX-License-Identifier: Apache-2.0
#include "recording/recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "recording/format.hpp"
#include "recording/frame.hpp"
#include "recording/recording.hpp"

namespace trackshm::tools {
namespace {

stats::Error cannot(const char* what, const std::string& path) {
    const auto kind = errno == EACCES ? stats::ErrorKind::permission_denied : stats::ErrorKind::system;
    return {kind, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno))};
}

bool write_at(int fd, std::string_view bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t n = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        offset += static_cast<std::uint64_t>(n);
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

bool cut(int fd, std::uint64_t bytes) { return ftruncate(fd, static_cast<off_t>(bytes)) == 0; }

}  // namespace

Recorder::Recorder(int fd, std::string path, std::uint64_t bytes) : fd_(fd), path_(std::move(path)), bytes_(bytes) {}

Recorder::Recorder(Recorder&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), bytes_(other.bytes_) {}

Recorder::~Recorder() {
    if (fd_ >= 0) ::close(fd_);
}

std::optional<Recorder> Recorder::open(const std::string& path, stats::Error& error) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd < 0) {
        error = cannot("record to", path);
        return std::nullopt;
    }
    Recorder recorder(fd, path, 0);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        error = {stats::ErrorKind::system, fmt::format("{} is being recorded to by another process", path)};
        return std::nullopt;
    }
    const auto scan = scan_recording(fd, path, error);
    if (!scan) return std::nullopt;
    recorder.bytes_ = scan->whole_bytes;
    if (!cut(fd, recorder.bytes_)) {
        error = cannot("record to", path);
        return std::nullopt;
    }
    if (recorder.bytes_ != 0) return recorder;

    const RecordingHeader header;
    const std::string_view bytes(static_cast<const char*>(static_cast<const void*>(&header)), sizeof header);
    if (!write_at(fd, bytes, 0)) {
        error = cannot("record to", path);
        return std::nullopt;
    }
    recorder.bytes_ = sizeof header;
    return recorder;
}

bool Recorder::append(const stats::Snapshot& snapshot, const stats::Details& details, stats::Error& error) {
    const std::string frame = make_frame_bytes(snapshot, details);
    if (frame.empty()) {
        error = {stats::ErrorKind::system, "a snapshot is larger than a frame of a recording may be"};
        return false;
    }
    if (write_at(fd_, frame, bytes_)) {
        bytes_ += frame.size();
        return true;
    }
    error = cannot("record to", path_);
    static_cast<void>(cut(fd_, bytes_));  // else the next recorder does it
    return false;
}

}  // namespace trackshm::tools
