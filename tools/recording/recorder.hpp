// SPDX-License-Identifier: Apache-2.0
//
// Appends frames to a recording.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

class Recorder {
public:
    // Makes the file, or continues one after its last whole frame: what follows that is cut off. Nothing, with `error`
    // set, if it is no recording, of another version, or being recorded to by somebody else.
    static std::optional<Recorder> open(const std::string& path, stats::Error& error);

    Recorder(Recorder&& other) noexcept;
    Recorder& operator=(Recorder&&) = delete;
    ~Recorder();

    // False, with `error` set and the file as it was before, if the frame cannot be written.
    bool append(const stats::Snapshot& snapshot, const stats::Details& details, stats::Error& error);

private:
    Recorder(int fd, std::string path, std::uint64_t bytes);

    int fd_;
    std::string path_;
    std::uint64_t bytes_;  // up to the end of the last whole frame
};

}  // namespace trackshm::tools
