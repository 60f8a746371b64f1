// SPDX-License-Identifier: Apache-2.0
#include "aggregator/undo_log.hpp"

namespace trackshm::aggregator {

void UndoLog::begin(std::int32_t table_pid, std::uint64_t table_nonce) noexcept {
    ++batch_;
    overflowed_ = false;
    set_used(0);
    header_->log_table_pid = table_pid;
    header_->log_table_nonce = table_nonce;
    compiler_barrier();
    header_->log_state = log_open;
    compiler_barrier();
}

void UndoLog::commit() noexcept {
    compiler_barrier();
    header_->log_state = log_committed;
    compiler_barrier();
}

}  // namespace trackshm::aggregator
