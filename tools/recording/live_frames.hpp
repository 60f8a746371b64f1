// SPDX-License-Identifier: Apache-2.0
//
// Frames of a running aggregator.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "recording/frame_source.hpp"

namespace trackshm::tools {

// One now and one after every `refresh`, `iterations` in all (0: without end). Fails once the aggregator is gone.
class LiveFrames final : public FrameSource {
public:
    // `reader` outlives this.
    LiveFrames(stats::Reader& reader, std::chrono::milliseconds refresh, std::uint64_t iterations, bool with_details)
        : reader_(reader), refresh_(refresh), iterations_(iterations), with_details_(with_details) {}

    FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) override;

private:
    stats::Reader& reader_;
    std::chrono::milliseconds refresh_;
    std::uint64_t iterations_;
    bool with_details_;
    std::uint64_t done_ = 0;
    std::chrono::steady_clock::time_point due_ = std::chrono::steady_clock::now();
};

// One now and one after every `refresh`, without end, across aggregators that come and go.
class LastingFrames final : public FrameSource {
public:
    LastingFrames(std::string name_space, std::chrono::milliseconds refresh, bool with_details)
        : name_space_(std::move(name_space)), refresh_(refresh), with_details_(with_details) {}

    FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) override;

private:
    std::string name_space_;
    std::chrono::milliseconds refresh_;
    bool with_details_;
    std::optional<stats::Reader> reader_;
    std::chrono::steady_clock::time_point due_ = std::chrono::steady_clock::now();
};

// The first frame that is as it should be, or the last one when the time is over. Aggregators may appear, go and come
// back meanwhile; fails if there is none at the end.
class AwaitedFrame final : public FrameSource {
public:
    using Predicate = std::function<bool(const stats::Snapshot&)>;

    AwaitedFrame(std::string name_space, std::chrono::nanoseconds patience, bool with_details, Predicate is_good)
        : name_space_(std::move(name_space)),
          patience_(patience),
          with_details_(with_details),
          is_good_(std::move(is_good)) {}

    FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) override;

private:
    std::string name_space_;
    std::chrono::nanoseconds patience_;
    bool with_details_;
    Predicate is_good_;
    bool done_ = false;
};

}  // namespace trackshm::tools
