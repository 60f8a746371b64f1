// SPDX-License-Identifier: Apache-2.0
#include "recording/recording.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/read_at.hpp"
#include "recording/frame.hpp"

namespace trackshm::tools {
namespace {

stats::Error failure(std::string message) { return {stats::ErrorKind::system, std::move(message)}; }

// Reads the whole frame at `offset`; false if it is cut or damaged.
bool read_frame(int fd, std::uint64_t offset, std::uint64_t file_bytes, FrameHeader& header, std::string& stored) {
    if (file_bytes - offset < sizeof header || !read_at(fd, &header, sizeof header, offset)) return false;
    const std::uint64_t room = file_bytes - offset - sizeof header;
    // zlib adds little to what it cannot compress: a longer frame is none.
    if (header.stored_bytes > room || header.stored_bytes > 2 * std::uint64_t{max_frame_bytes}) return false;
    stored.resize(header.stored_bytes);
    return read_at(fd, stored.data(), stored.size(), offset + sizeof header) &&
           frame_crc(header, stored.data()) == header.crc32;
}

bool is_ours(int fd, const std::string& path, std::uint64_t file_bytes, stats::Error& error) {
    RecordingHeader header;
    const std::size_t there = std::min<std::size_t>(file_bytes, sizeof header);
    if (!read_at(fd, &header, there, 0)) {
        error = failure(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
        return false;
    }
    if (std::memcmp(header.magic.data(), recording_magic.data(), std::min(there, sizeof recording_magic)) != 0) {
        error = failure(fmt::format("{} is no recording of shmtop --record", path));
        return false;
    }
    if (there == sizeof header && header.version != recording_version) {
        error = {stats::ErrorKind::incompatible,
                 fmt::format("{} is a recording of version {}, this program knows version {}: use the release that "
                             "recorded it",
                             path, header.version, recording_version)};
        return false;
    }
    return true;
}

}  // namespace

std::optional<RecordingScan> scan_recording(int fd, const std::string& path, stats::Error& error) {
    struct stat info {};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        error = failure(fmt::format("{} is no ordinary file", path));
        return std::nullopt;
    }
    RecordingScan scan;
    scan.file_bytes = static_cast<std::uint64_t>(info.st_size);
    if (!is_ours(fd, path, scan.file_bytes, error)) return std::nullopt;
    if (scan.file_bytes < sizeof(RecordingHeader)) return scan;
    scan.whole_bytes = sizeof(RecordingHeader);
    FrameHeader header;
    std::string stored;
    while (read_frame(fd, scan.whole_bytes, scan.file_bytes, header, stored)) {
        scan.frames.push_back({scan.whole_bytes, header.time_unix_ns});
        scan.whole_bytes += sizeof header + header.stored_bytes;
    }
    return scan;
}

Recording::Recording(int fd, std::string path, RecordingScan scan)
    : fd_(fd), path_(std::move(path)), scan_(std::move(scan)) {}

Recording::Recording(Recording&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), scan_(std::move(other.scan_)) {}

Recording::~Recording() {
    if (fd_ >= 0) ::close(fd_);
}

std::optional<Recording> Recording::open(const std::string& path, stats::Error& error) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);  // a pipe must not block
    if (fd < 0) {
        const auto kind = errno == EACCES ? stats::ErrorKind::permission_denied : stats::ErrorKind::system;
        error = {kind, fmt::format("cannot read {}: {}", path, std::strerror(errno))};
        return std::nullopt;
    }
    auto scan = scan_recording(fd, path, error);
    Recording recording(fd, path, scan ? *std::move(scan) : RecordingScan{});
    if (!scan) return std::nullopt;
    if (recording.frames().empty()) {
        error = failure(fmt::format("{} holds no whole frame", path));
        return std::nullopt;
    }
    return recording;
}

std::size_t Recording::frame_at(std::uint64_t time_unix_ns) const noexcept {
    const auto later = std::find_if(frames().begin(), frames().end(),
                                    [&](const FramePosition& frame) { return frame.time_unix_ns > time_unix_ns; });
    return later == frames().begin() ? 0 : static_cast<std::size_t>(later - frames().begin()) - 1;
}

bool Recording::read(std::size_t number, stats::Snapshot& snapshot, stats::Details& details,
                     stats::Error& error) const {
    FrameHeader header;
    std::string stored;
    // Checked again: the file may have changed since it was scanned.
    if (read_frame(fd_, frames()[number].offset, scan_.file_bytes, header, stored) &&
        read_frame_bytes(header, stored, snapshot, details)) {
        return true;
    }
    error = failure(fmt::format("frame {} of {} cannot be read: it was changed or never whole", number + 1, path_));
    return false;
}

std::string Recording::damage() const {
    if (scan_.whole_bytes == scan_.file_bytes) return {};
    return fmt::format("{} is cut or damaged after frame {}: its last {} bytes are left out", path_, frames().size(),
                       scan_.file_bytes - scan_.whole_bytes);
}

}  // namespace trackshm::tools
