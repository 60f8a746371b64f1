// SPDX-License-Identifier: Apache-2.0
//
// The counters as they are now.
#pragma once

#include <cstdint>
#include <string>

#include "shmtop/buffer_lookout.hpp"
#include "shmtop/filter.hpp"
#include "shmtop/snapshot_source.hpp"

namespace trackshm::tools {

class LiveSource final : public SnapshotSource {
public:
    // `reader` reads the namespace's segment and outlives this. `filter` is for what is not in a snapshot.
    LiveSource(stats::Reader& reader, const std::string& name_space, const Filter& filter);

    // The last picture of a dead aggregator stays until another one publishes.
    bool next(stats::Snapshot& snapshot, stats::Error& error) override;
    void gather(const Wanted& wanted, const stats::Snapshot& snapshot, Extras& extras) override;

private:
    void attach_to_successor(stats::Snapshot& snapshot);
    void read_details(const stats::Snapshot& snapshot, Extras& extras);

    stats::Reader& reader_;
    std::string name_space_;
    BufferLookout lookout_;
    std::uint64_t details_read_unix_ns_ = 0;
};

}  // namespace trackshm::tools
