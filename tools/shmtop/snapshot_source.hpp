// SPDX-License-Identifier: Apache-2.0
//
// Where the live screen gets its pictures from: a running aggregator, or a recording of one.
#pragma once

#include <chrono>
#include <string>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

class SnapshotSource {
public:
    SnapshotSource() = default;
    virtual ~SnapshotSource() = default;
    SnapshotSource(const SnapshotSource&) = delete;
    SnapshotSource& operator=(const SnapshotSource&) = delete;

    // Puts the picture to be shown now into `snapshot`, which holds the one before. False, with `error` set: there will
    // be none any more, and the screen ends.
    virtual bool next(stats::Snapshot& snapshot, stats::Error& error) = 0;

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
