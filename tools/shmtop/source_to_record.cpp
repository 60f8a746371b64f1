// SPDX-License-Identifier: Apache-2.0
#include "shmtop/source_to_record.hpp"

namespace trackshm::tools {

bool SourceToRecord::next(stats::Snapshot& snapshot, stats::Error& error) {
    return source_.next(snapshot, error) && reader_.read_details(details_, error) &&
           recorder_.append(snapshot, details_, error);
}

}  // namespace trackshm::tools
