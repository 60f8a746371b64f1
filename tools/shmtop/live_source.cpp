// SPDX-License-Identifier: Apache-2.0
#include "shmtop/live_source.hpp"

#include <utility>

namespace trackshm::tools {

bool LiveSource::next(stats::Snapshot& snapshot, stats::Error& error) {
    if (!reader_.read(snapshot, error)) return false;
    if (!snapshot.aggregator_alive) attach_to_successor(snapshot);
    return true;
}

// An aggregator that was started again may publish in another segment.
void LiveSource::attach_to_successor(stats::Snapshot& snapshot) {
    stats::Error ignored;
    auto successor = stats::Reader::open(name_space_, ignored);
    stats::Snapshot newer;
    if (!successor || !successor->read(newer, ignored)) return;
    reader_ = std::move(*successor);
    snapshot = std::move(newer);
}

}  // namespace trackshm::tools
