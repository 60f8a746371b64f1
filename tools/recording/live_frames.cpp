// SPDX-License-Identifier: Apache-2.0
#include "recording/live_frames.hpp"

#include <algorithm>
#include <ctime>
#include <optional>
#include <thread>

namespace trackshm::tools {
namespace {

using Clock = std::chrono::steady_clock;

// How often a frame that is waited for is looked for. Looking costs the aggregator nothing.
constexpr std::chrono::milliseconds look_interval{20};

bool read_alive(stats::Reader& reader, stats::Snapshot& snapshot, stats::Details* details, stats::Error& error) {
    if (!reader.read(snapshot, error) || (details != nullptr && !reader.read_details(*details, error))) return false;
    if (snapshot.aggregator_alive) return true;
    error = {stats::ErrorKind::no_aggregator,
             "the aggregator of namespace " + snapshot.name_space + " is gone: start shm_aggregator again"};
    return false;
}

// What waiting may cure.
bool is_passing(const stats::Error& error) {
    return error.kind == stats::ErrorKind::no_aggregator || error.kind == stats::ErrorKind::system;
}

}  // namespace

void Pace::wait() {
    const auto due = due_.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(due);
    const timespec until{seconds.count(), static_cast<long>((due - seconds) / std::chrono::nanoseconds(1))};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    due_ = std::max(due_ + refresh_, Clock::now());
}

FrameResult LastingReader::read(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) {
    if (!reader_) reader_ = stats::Reader::open(name_space_, error);
    if (reader_ && read_alive(*reader_, snapshot, with_details_ ? &details : nullptr, error)) return FrameResult::frame;
    reader_.reset();  // a successor may publish elsewhere
    return is_passing(error) ? FrameResult::absent : FrameResult::failed;
}

FrameResult LiveFrames::next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) {
    if (iterations_ != 0 && done_ == iterations_) return FrameResult::end;
    pace_.wait();
    ++done_;
    return read_alive(reader_, snapshot, with_details_ ? &details : nullptr, error) ? FrameResult::frame : FrameResult::failed;
}

FrameResult LastingFrames::next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) {
    pace_.wait();
    return reader_.read(snapshot, details, error);
}

FrameResult AwaitedFrame::next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) {
    if (done_) return FrameResult::end;
    done_ = true;
    const auto end = Clock::now() + patience_;
    while (true) {
        const FrameResult result = reader_.read(snapshot, details, error);
        if (result == FrameResult::failed) return result;
        const bool has_frame = result == FrameResult::frame;
        if (has_frame && is_good_(snapshot)) return result;
        const auto now = Clock::now();
        if (now >= end) return has_frame ? result : FrameResult::failed;
        std::this_thread::sleep_for(std::min<Clock::duration>(look_interval, end - now));
    }
}

}  // namespace trackshm::tools
