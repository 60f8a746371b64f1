// SPDX-License-Identifier: Apache-2.0
#include "shmtop/source_to_record.hpp"

namespace trackshm::tools {

bool SourceToRecord::next(stats::Snapshot& snapshot, stats::Error& error) {
    if (!source_.next(snapshot, error)) return false;
    is_waiting_ = !snapshot.aggregator_alive;
    return is_waiting_ || (reader_.read_details(details_, error) && recorder_.append(snapshot, details_, error));
}

}  // namespace trackshm::tools
