// SPDX-License-Identifier: Apache-2.0
//
// Whether what a predecessor left can be gone on with. A table or a ledger is written by aggregators alone, but who may
// write to its file is the kernel's to say, not ours: what would lead beyond an array or a mapping is refused here, once,
// so that nobody else has to look. Entries of the buffer table are too many for that; see Accounting::release_cell.
#pragma once

#include "aggregator/ledger.hpp"
#include "aggregator/table_abi.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

bool is_sound_ledger(const shm::Segment& ledger) noexcept;

// Also: whether the sums in the table agree with each other, and the ledger knows every device that is named.
bool is_sound_table(const shm::Segment& table, const Ledger& ledger) noexcept;

}  // namespace trackshm::aggregator
