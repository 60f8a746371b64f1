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

void UndoLog::save(LogTarget target, std::uint64_t offset, const void* place, std::uint32_t bytes) noexcept {
    const std::uint64_t whole = sizeof(LogRecord) + bytes + sizeof(std::uint64_t);
    if (used_bytes_ + whole > log_capacity_bytes) {
        overflowed_ = true;
        return;
    }
    std::byte* const at = records_ + used_bytes_;
    const LogRecord record{static_cast<std::uint32_t>(target), bytes, offset};
    std::memcpy(at, &record, sizeof record);
    std::memcpy(at + sizeof record, place, bytes);
    std::memcpy(at + sizeof record + bytes, &whole, sizeof whole);
    set_used(used_bytes_ + whole);
}

}  // namespace trackshm::aggregator
