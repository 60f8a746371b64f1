// SPDX-License-Identifier: Apache-2.0
//
// A recording for the live screen: it plays at the pace at which it was recorded, or faster, slower, from elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "recording/recording.hpp"
#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

class ReplaySource final : public SnapshotSource {
public:
    using Clock = std::chrono::steady_clock;

    // `recording` outlives this. `now` is for tests.
    explicit ReplaySource(const Recording& recording, std::function<Clock::time_point()> now = Clock::now);

    // The frame that is due. The last one stays.
    bool next(stats::Snapshot& snapshot, stats::Error& error) override;

    // A frame a second, of some minutes at most.
    void catch_up(const std::function<void(const stats::Snapshot&)>& see) override;

    // Who held what at a peak, the last failure and the sizes; a recording knows no parents and no single buffers.
    void gather(const Wanted& wanted, const stats::Snapshot& snapshot, Extras& extras) override;

    std::string status() const override;
    bool can_seek() const override { return true; }
    void seek_by(std::chrono::milliseconds distance) override;
    void scale_speed(double factor) override;
    void set_paused(bool paused) override;

private:
    std::uint64_t length_ns() const noexcept;
    // How far into the recording it has come by now.
    std::uint64_t position_ns() const;
    void go_on_from(std::uint64_t position_ns);

    const Recording& recording_;
    std::function<Clock::time_point()> now_;
    Clock::time_point since_;            // when position was start_ns_
    std::uint64_t start_ns_ = 0;
    double speed_ = 1;
    bool paused_ = false;
    std::optional<std::size_t> shown_;   // the frame in snapshot_
    std::size_t unseen_from_ = 0;        // frames from here to that one were not shown
    stats::Snapshot snapshot_;
    stats::Details details_;
};

}  // namespace trackshm::tools
