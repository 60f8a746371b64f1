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

// When frames are due: now, and after every `refresh`. What comes late does not make up for it. A signal that the program
// catches ends the wait, so that the last frame is what there was at that time.
class Pace {
public:
    explicit Pace(std::chrono::milliseconds refresh) : refresh_(refresh) {}
    void wait();

private:
    std::chrono::milliseconds refresh_;
    std::chrono::steady_clock::time_point due_ = std::chrono::steady_clock::now();
};

// A reader across aggregators that come and go.
class LastingReader {
public:
    LastingReader(std::string name_space, bool with_details)
        : name_space_(std::move(name_space)), with_details_(with_details) {}

    // `absent` if nobody publishes now, `failed` if waiting will not cure it; with `error` set.
    FrameResult read(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error);

private:
    std::string name_space_;
    bool with_details_;
    std::optional<stats::Reader> reader_;
};

// One now and one after every `refresh`, `iterations` in all (0: without end). Fails once the aggregator is gone.
class LiveFrames final : public FrameSource {
public:
    // `reader` outlives this.
    LiveFrames(stats::Reader& reader, std::chrono::milliseconds refresh, std::uint64_t iterations, bool with_details)
        : reader_(reader), pace_(refresh), iterations_(iterations), with_details_(with_details) {}

    FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) override;

private:
    stats::Reader& reader_;
    Pace pace_;
    std::uint64_t iterations_;
    bool with_details_;
    std::uint64_t done_ = 0;
};

// One now and one after every `refresh`, without end, across aggregators that come and go.
class LastingFrames final : public FrameSource {
public:
    LastingFrames(std::string name_space, std::chrono::milliseconds refresh, bool with_details)
        : reader_(std::move(name_space), with_details), pace_(refresh) {}

    FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) override;

private:
    LastingReader reader_;
    Pace pace_;
};

// The first frame that is as it should be, or the last one when the time is over. Aggregators may appear, go and come
// back meanwhile; fails if there is none at the end.
class AwaitedFrame final : public FrameSource {
public:
    using Predicate = std::function<bool(const stats::Snapshot&)>;

    AwaitedFrame(std::string name_space, std::chrono::nanoseconds patience, bool with_details, Predicate is_good)
        : reader_(std::move(name_space), with_details), patience_(patience), is_good_(std::move(is_good)) {}

    FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) override;

private:
    LastingReader reader_;
    std::chrono::nanoseconds patience_;
    Predicate is_good_;
    bool done_ = false;
};

}  // namespace trackshm::tools
