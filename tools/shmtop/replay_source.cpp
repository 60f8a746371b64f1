// SPDX-License-Identifier: Apache-2.0
#include "shmtop/replay_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace trackshm::tools {
namespace {

constexpr double slowest = 1.0 / 64;
constexpr double fastest = 1024;

// "0:12", "1:02:03".
std::string clock_text(std::uint64_t duration_ns) {
    const std::uint64_t seconds = duration_ns / 1'000'000'000;
    if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
    return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace

ReplaySource::ReplaySource(const Recording& recording, std::function<Clock::time_point()> now)
    : recording_(recording), now_(std::move(now)), since_(now_()) {}

bool ReplaySource::next(stats::Snapshot& snapshot, stats::Error& error) {
    const std::size_t due = recording_.frame_at(recording_.frames().front().time_unix_ns + position_ns());
    if (due != shown_) {
        if (!recording_.read(due, snapshot_, details_, error)) return false;
        unseen_from_ = shown_ && *shown_ < due ? *shown_ + 1 : 0;
        shown_ = due;
    } else {
        unseen_from_ = due;
    }
    snapshot = snapshot_;
    return true;
}

void ReplaySource::catch_up(const std::function<void(const stats::Snapshot&)>& see) {
    constexpr std::uint64_t step_ns = 1'000'000'000;
    constexpr std::size_t most_frames = 600;
    const auto& frames = recording_.frames();
    std::vector<std::size_t> chosen;  // the newest first
    std::uint64_t next_ns = snapshot_.time_unix_ns;
    for (std::size_t frame = *shown_; frame > unseen_from_ && chosen.size() < most_frames;) {
        --frame;
        if (frames[frame].time_unix_ns + step_ns > next_ns) continue;
        next_ns = frames[frame].time_unix_ns;
        chosen.push_back(frame);
    }
    stats::Snapshot past;
    stats::Details details;
    stats::Error error;
    for (auto frame = chosen.rbegin(); frame != chosen.rend(); ++frame) {
        if (recording_.read(*frame, past, details, error)) see(past);
    }
}

void ReplaySource::gather(const Wanted& wanted, const stats::Snapshot&, Extras& extras) {
    if (wanted.details) extras.details = details_;
    extras.why_no_buffers = "a recording has no list of buffers";
}

std::string ReplaySource::status() const {
    return fmt::format("replay {} of {}, {:.4g}x", clock_text(position_ns()), clock_text(length_ns()), speed_);
}

void ReplaySource::seek_by(std::chrono::milliseconds distance) {
    const auto distance_ns = std::chrono::nanoseconds(distance).count();
    const std::uint64_t position = position_ns();
    const bool is_back = distance_ns < 0;
    const std::uint64_t size_ns = is_back ? 0 - static_cast<std::uint64_t>(distance_ns)
                                          : static_cast<std::uint64_t>(distance_ns);
    go_on_from(is_back ? position - std::min(position, size_ns) : position + size_ns);
}

void ReplaySource::scale_speed(double factor) {
    go_on_from(position_ns());
    speed_ = std::clamp(speed_ * factor, slowest, fastest);
}

void ReplaySource::set_paused(bool paused) {
    go_on_from(position_ns());
    paused_ = paused;
}

// A clock that was set back while it was recorded: then the last frame is not the latest.
std::uint64_t ReplaySource::length_ns() const noexcept {
    const auto& frames = recording_.frames();
    const auto latest = std::max_element(frames.begin(), frames.end(), [](auto& a, auto& b) {
        return a.time_unix_ns < b.time_unix_ns;
    });
    return latest->time_unix_ns - std::min(frames.front().time_unix_ns, latest->time_unix_ns);
}

std::uint64_t ReplaySource::position_ns() const {
    if (paused_) return start_ns_;
    const double passed_ns = std::chrono::duration<double, std::nano>(now_() - since_).count() * speed_;
    const double left_ns = static_cast<double>(length_ns() - start_ns_);
    return start_ns_ + static_cast<std::uint64_t>(std::clamp(passed_ns, 0.0, left_ns));
}

void ReplaySource::go_on_from(std::uint64_t position_ns) {
    start_ns_ = std::min(position_ns, length_ns());
    since_ = now_();
}

}  // namespace trackshm::tools
