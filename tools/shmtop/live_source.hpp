// SPDX-License-Identifier: Apache-2.0
//
// The counters as they are now.
#pragma once

#include <string>
#include <utility>

#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

class LiveSource final : public SnapshotSource {
public:
    // `reader` reads the namespace's segment and outlives this.
    LiveSource(stats::Reader& reader, std::string name_space) : reader_(reader), name_space_(std::move(name_space)) {}

    // The last picture of a dead aggregator stays until another one publishes.
    bool next(stats::Snapshot& snapshot, stats::Error& error) override;

private:
    void attach_to_successor(stats::Snapshot& snapshot);

    stats::Reader& reader_;
    std::string name_space_;
};

}  // namespace trackshm::tools
