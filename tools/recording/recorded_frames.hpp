// SPDX-License-Identifier: Apache-2.0
//
// Frames of a recording, and frames that are recorded as they pass.
#pragma once

#include <cstddef>
#include <cstdint>

#include "recording/recorder.hpp"
#include "recording/recording.hpp"
#include "recording/frame_source.hpp"

namespace trackshm::tools {

// The last `iterations` frames of a recording, all for 0, without waiting between them.
class RecordedFrames final : public FrameSource {
public:
    // `recording` outlives this.
    RecordedFrames(const Recording& recording, std::uint64_t iterations);

    FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) override;

private:
    const Recording& recording_;
    std::size_t number_ = 0;
};

// The frames of another source, each appended to a recording before it is handed on.
class FramesToRecord final : public FrameSource {
public:
    // Both outlive this.
    FramesToRecord(FrameSource& frames, Recorder& recorder) : frames_(frames), recorder_(recorder) {}

    FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) override;

private:
    FrameSource& frames_;
    Recorder& recorder_;
};

}  // namespace trackshm::tools
