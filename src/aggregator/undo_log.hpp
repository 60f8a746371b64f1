// SPDX-License-Identifier: Apache-2.0
//
// The undo log: how the aggregator's state survives a SIGKILL at any instruction.
//
//   begin   log_bytes = 0, log_state = open
//   save    append (where, old bytes) to the log, then log_bytes += ...; only then may the place be changed
//   commit  log_state = committed: one 8-byte store
//
// A next aggregator that finds the log open puts every saved place back, newest first, and the tracked processes' slots,
// not released yet, are applied again. SIGKILL is not power loss: stores that were executed survive, in program order.
// So a compiler barrier is all the ordering this needs (the idea of an undo log is ARIES's and older; the reduction to
// compiler barriers holds only because the medium is shared memory of a live kernel).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "aggregator/ledger_abi.hpp"

namespace trackshm::aggregator {

enum LogState : std::uint64_t { log_committed = 0, log_open = 1 };
enum class LogTarget : std::uint32_t { ledger = 0, table = 1 };

// Followed by `bytes` old bytes and then by the whole record's length in 8 bytes, by which it is found from behind.
struct LogRecord {
    std::uint64_t what;    // target in bits 0..31, bytes in 32..63: one store writes it, one load reads it back
    std::uint64_t offset;  // in the target segment's file
};

// Nothing the compiler knows of memory moves across this.
inline void compiler_barrier() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

class UndoLog {
public:
    explicit UndoLog(std::byte* ledger) noexcept
        : header_(reinterpret_cast<LedgerHeader*>(ledger)), records_(ledger + log_offset) {}

    void begin(std::int32_t table_pid, std::uint64_t table_nonce) noexcept;
    void commit() noexcept;
    bool is_open() const noexcept { return header_->log_state == log_open; }
    std::uint64_t batch() const noexcept { return batch_; }  // grows with every begin

    // Remembers `bytes` bytes at `place`. Must come before the first store to them in this batch. When the log runs full
    // it says so through overflowed(), while every account can still be saved in what is left; the batch must be rolled
    // back then and tried again in smaller parts. Inline: the table calls it for every cell.
    void save(LogTarget target, std::uint64_t offset, const void* place, std::uint32_t bytes) noexcept {
        const std::uint64_t whole = sizeof(LogRecord) + bytes + sizeof(std::uint64_t);
        if (used_bytes_ + whole > log_capacity_bytes) [[unlikely]] {
            overflowed_ = true;
            return;
        }
        std::byte* const at = records_ + used_bytes_;
        const std::uint64_t what = std::uint64_t{static_cast<std::uint32_t>(target)} | std::uint64_t{bytes} << 32;
        std::memcpy(at, &what, sizeof what);
        std::memcpy(at + sizeof what, &offset, sizeof offset);
        std::memcpy(at + sizeof(LogRecord), place, bytes);
        std::memcpy(at + sizeof(LogRecord) + bytes, &whole, sizeof whole);
        set_used(used_bytes_ + whole);
        if (used_bytes_ > log_capacity_bytes - log_reserve_bytes) [[unlikely]] overflowed_ = true;
    }
    bool overflowed() const noexcept { return overflowed_; }
    std::uint64_t used_bytes() const noexcept { return used_bytes_; }

    // Puts everything back, newest first, through write(target, offset, bytes, count), and closes the log. False, and the log
    // stays open, once a write says that it failed: it may be tried again, from the newest on.
    template <class Write>
    bool roll_back(Write&& write) noexcept;

private:
    void set_used(std::uint64_t bytes) noexcept {
        compiler_barrier();
        header_->log_bytes = bytes;
        compiler_barrier();
        used_bytes_ = bytes;
    }

    LedgerHeader* header_;
    std::byte* records_;
    std::uint64_t used_bytes_ = 0;
    std::uint64_t batch_ = 0;
    bool overflowed_ = false;
};

template <class Write>
bool UndoLog::roll_back(Write&& write) noexcept {
    // Records are walked backwards by the trailer each ends with.
    std::uint64_t end = std::min(header_->log_bytes, log_capacity_bytes);
    constexpr std::uint64_t overhead = sizeof(LogRecord) + sizeof(std::uint64_t);
    while (end >= overhead) {
        std::uint64_t bytes;
        std::memcpy(&bytes, records_ + end - sizeof bytes, sizeof bytes);
        if (bytes < overhead || bytes > end) break;  // not a log of ours
        end -= bytes;
        LogRecord record;
        std::memcpy(&record, records_ + end, sizeof record);
        const auto saved_bytes = static_cast<std::uint32_t>(record.what >> 32);
        if (saved_bytes != bytes - overhead) break;
        if (!write(static_cast<LogTarget>(static_cast<std::uint32_t>(record.what)), record.offset,
                   records_ + end + sizeof record, saved_bytes)) {
            return false;
        }
    }
    compiler_barrier();
    header_->log_state = log_committed;
    compiler_barrier();
    return true;
}

}  // namespace trackshm::aggregator
