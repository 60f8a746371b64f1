// SPDX-License-Identifier: Apache-2.0
//
// A recording to read: all its whole frames, by number or by time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <trackshm/stats.hpp>

#include "recording/format.hpp"

namespace trackshm::tools {

struct FramePosition {
    std::uint64_t offset = 0;  // of its header in the file
    std::uint64_t time_unix_ns = 0;
};

// What scanning a recording's file finds.
struct RecordingScan {
    std::vector<FramePosition> frames;
    std::uint64_t whole_bytes = 0;  // up to the end of the last whole frame
    std::uint64_t file_bytes = 0;   // more: the rest is cut or damaged
};

// Scans an open file. Nothing, with `error` set, if it is none of ours or of another version. An empty file, or one that
// ends within its header, has whole_bytes 0.
std::optional<RecordingScan> scan_recording(int fd, const std::string& path, stats::Error& error);

class Recording {
public:
    // Nothing, with `error` set, if there is not one frame to read.
    static std::optional<Recording> open(const std::string& path, stats::Error& error);

    Recording(Recording&& other) noexcept;
    Recording& operator=(Recording&&) = delete;
    ~Recording();

    // At least one, in the order in which they were recorded.
    const std::vector<FramePosition>& frames() const noexcept { return scan_.frames; }

    // Number of the last frame that is not later than `time_unix_ns`, else 0. With a clock that was set back, the first
    // that fits.
    std::size_t frame_at(std::uint64_t time_unix_ns) const noexcept;

    bool read(std::size_t number, stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) const;

    // One line if the file goes on after its last whole frame, else empty.
    std::string damage() const;

private:
    Recording(int fd, std::string path, RecordingScan scan);

    int fd_;
    std::string path_;
    RecordingScan scan_;
};

}  // namespace trackshm::tools
