// SPDX-License-Identifier: Apache-2.0
//
// Where the live screen gets its pictures from: a running aggregator, or a recording of one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <trackshm/stats.hpp>

#include "segments/top_buffers.hpp"

namespace trackshm::tools {

// A tracked process -> the nearest tracked one among those that started it.
using Parents = std::map<std::int32_t, std::int32_t>;

// What there is to know beside a snapshot. A source that does not know something leaves it empty.
struct Extras {
    stats::Details details;
    Parents parents;
    std::shared_ptr<const TopBuffers> buffers;
    bool buffers_are_coming = false;  // ask again soon
    std::string why_no_buffers = "this source has no list of buffers";
};

// What of that the screen needs now.
struct Wanted {
    bool details = false;
    bool parents = false;
    bool buffers = false;
};

class SnapshotSource {
public:
    SnapshotSource() = default;
    virtual ~SnapshotSource() = default;
    SnapshotSource(const SnapshotSource&) = delete;
    SnapshotSource& operator=(const SnapshotSource&) = delete;

    // Puts the picture to be shown now into `snapshot`, which holds the one before. False, with `error` set: there will
    // be none any more, and the screen ends.
    virtual bool next(stats::Snapshot& snapshot, stats::Error& error) = 0;

    // Calls back with what was to be seen before the picture that next() gave last and was not, in the order of its time: what
    // a recording skipped, or led there when it was moved back.
    virtual void catch_up(const std::function<void(const stats::Snapshot&)>&) {}

    // Brings `extras` up to the snapshot that next() gave last. Must not take long: what does is to be done elsewhere
    // and handed over when it is there.
    virtual void gather(const Wanted&, const stats::Snapshot&, Extras&) {}

    // One phrase for the header, such as "replay 0:12 of 3:40, 2x". Empty: this is now.
    virtual std::string status() const { return {}; }

    // A recording can be moved in, and goes on being asked for pictures while it is paused, so that it can be moved then.
    // Without that the others do nothing.
    virtual bool can_seek() const { return false; }
    virtual void seek_by(std::chrono::milliseconds) {}
    virtual void scale_speed(double) {}    // 2: twice as fast as now
    virtual void set_paused(bool) {}
};

}  // namespace trackshm::tools
