// SPDX-License-Identifier: Apache-2.0
//
// What the live screen shows, recorded as it is shown, but for the old figures of an aggregator that is gone.
#pragma once

#include <string>

#include "recording/recorder.hpp"
#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

class SourceToRecord final : public SnapshotSource {
public:
    // All outlive this. `reader` is where the source's snapshots come from.
    SourceToRecord(SnapshotSource& source, stats::Reader& reader, Recorder& recorder)
        : source_(source), reader_(reader), recorder_(recorder) {}

    bool next(stats::Snapshot& snapshot, stats::Error& error) override;
    void gather(const Wanted& wanted, const stats::Snapshot& snapshot, Extras& extras) override {
        source_.gather(wanted, snapshot, extras);
    }
    std::string status() const override { return is_waiting_ ? "not recording" : "recording"; }

private:
    SnapshotSource& source_;
    stats::Reader& reader_;
    Recorder& recorder_;
    stats::Details details_;
    bool is_waiting_ = false;  // for an aggregator
};

}  // namespace trackshm::tools
