// SPDX-License-Identifier: Apache-2.0
//
// The ledger: what the aggregator knows across processes, in a segment that outlives it. Opens or creates it, rolls an
// interrupted batch back, and hands out its accounts. Every account is saved to the undo log the first time a batch
// touches it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/ledger_abi.hpp"
#include "aggregator/undo_log.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

class Ledger {
public:
    // Opens the ledger of (namespace, uid), or creates one if there is none that can be used: another layout, an
    // earlier boot, somebody else's file. Empty string on success, else what is wrong.
    std::string open(const std::string& name_space, std::uint32_t uid);
    static void forget(const std::string& name_space, std::uint32_t uid);
    // Another aggregator has begun to serve this state; which one it is.
    std::uint64_t count_start() noexcept { return ++header().start_count; }

    UndoLog& log() noexcept { return *log_; }
    LedgerHeader& header() noexcept { return *segment_.at<LedgerHeader>(0); }
    const LedgerHeader& header() const noexcept { return *segment_.at<LedgerHeader>(0); }

    // Slot of a device; none if it is new and all slots are taken. Adding one is part of the open batch.
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    std::uint32_t slot_of(std::uint16_t device) const noexcept {
        const std::uint16_t slot = slots_[device];
        return slot == no_slot ? none : slot;
    }
    std::uint32_t slot_for(std::uint16_t device) noexcept;
    std::vector<std::uint32_t> slots_by_device() const;  // all, by ascending device

    // For reading; and, within a batch, for changing.
    const DeviceAccount& device(std::uint32_t slot) const noexcept {
        return segment_.at<DeviceAccount>(accounts_offset)[slot];
    }
    const MemoryAccount& memory(std::uint32_t slot, std::uint32_t type) const noexcept {
        return segment_.at<MemoryAccount>(memories_offset)[slot * shm::type_count + type];
    }
    const shm::ExitedRow& exited(std::uint64_t number) const noexcept {
        return segment_.at<shm::ExitedRow>(exited_offset)[number % shm::max_exited];
    }
    DeviceAccount& change_device(std::uint32_t slot) noexcept;
    MemoryAccount& change_memory(std::uint32_t slot, std::uint32_t type) noexcept;
    LedgerHeader& change_header() noexcept;

    // A device's annex, or null while there was no room for it in /dev/shm: then what it is for is not known. Within a
    // batch, save what is changed.
    DeviceAnnex* annex(std::uint32_t slot) const noexcept {
        return has_annex_[slot] != 0 ? segment_.at<DeviceAnnex>(annexes_offset + slot * annex_bytes) : nullptr;
    }
    template <class Part>
    void save(const Part& part) noexcept {
        const auto* const place = reinterpret_cast<const std::byte*>(&part);
        log_->save(LogTarget::ledger, static_cast<std::uint64_t>(place - segment_.data()), place, sizeof part);
    }
    // Sees to the annexes that there was no room for.
    void reserve_annexes() noexcept;
    // Within a batch: the share that a process had of the current peak, now that it ends.
    void add_ended_holder(std::uint32_t slot, const shm::HolderRow& holder) noexcept;
    // Between batches: what is live now is the most since the last sample. One store.
    void begin_interval(std::uint32_t slot) noexcept {
        DeviceAccount& account = segment_.at<DeviceAccount>(accounts_offset)[slot];
        account.interval_peak_bytes = account.live_bytes;
    }
    void add_exited(const shm::ExitedRow& row) noexcept;

    // After a roll-back: what is kept outside the segment is read from it again.
    void reload() noexcept;
    // Writes saved bytes back; for UndoLog::roll_back of a batch of this run.
    std::byte* base() const noexcept { return segment_.data(); }

private:
    static constexpr std::uint16_t no_slot = 0xffff;

    bool is_usable(std::uint32_t uid) const noexcept;
    std::string create(const std::string& name_space, std::uint32_t uid);
    std::string recover(const std::string& name_space);
    void reserve_annex(std::uint32_t slot) noexcept;
    bool first_touch(std::uint64_t& last_batch) noexcept;

    shm::Segment segment_;
    std::optional<UndoLog> log_;
    std::vector<std::uint16_t> slots_ = std::vector<std::uint16_t>(shm::max_device_id + 1, no_slot);
    std::vector<std::uint8_t> has_annex_ = std::vector<std::uint8_t>(shm::max_devices);
    // Batch in which each account was last saved.
    std::uint64_t header_saved_ = 0;
    std::vector<std::uint64_t> device_saved_ = std::vector<std::uint64_t>(shm::max_devices);
    std::vector<std::uint64_t> memory_saved_ = std::vector<std::uint64_t>(shm::max_type_rows);
};

}  // namespace trackshm::aggregator
