// SPDX-License-Identifier: Apache-2.0
#include "recording/recorded_frames.hpp"

namespace trackshm::tools {

RecordedFrames::RecordedFrames(const Recording& recording, std::uint64_t iterations) : recording_(recording) {
    const std::size_t count = recording.frames().size();
    if (iterations != 0 && iterations < count) number_ = count - static_cast<std::size_t>(iterations);
}

FrameResult RecordedFrames::next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) {
    if (number_ == recording_.frames().size()) return FrameResult::end;
    return recording_.read(number_++, snapshot, details, error) ? FrameResult::frame : FrameResult::failed;
}

FrameResult FramesToRecord::next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) {
    const FrameResult result = frames_.next(snapshot, details, error);
    if (result != FrameResult::frame || recorder_.append(snapshot, details, error)) return result;
    return FrameResult::failed;
}

}  // namespace trackshm::tools
