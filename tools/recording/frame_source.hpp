// SPDX-License-Identifier: Apache-2.0
//
// Where shmtop (but for its live screen) and shmtrace get frames from: one after another, each when it is due.
#pragma once

#include <trackshm/stats.hpp>

namespace trackshm::tools {

enum class FrameResult {
    frame,
    end,
    failed,
    absent,  // from a source that goes on: nobody publishes now
};

class FrameSource {
public:
    FrameSource() = default;
    virtual ~FrameSource() = default;
    FrameSource(const FrameSource&) = delete;
    FrameSource& operator=(const FrameSource&) = delete;

    // Waits until the next frame is due. `error` is set where it failed. Details are left empty by a source that was not
    // asked for them.
    virtual FrameResult next(stats::Snapshot& snapshot, stats::Details& details, stats::Error& error) = 0;
};

}  // namespace trackshm::tools
