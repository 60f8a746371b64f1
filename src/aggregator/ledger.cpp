// SPDX-License-Identifier: Apache-2.0
#include "aggregator/ledger.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "aggregator/advice.hpp"
#include "aggregator/state_check.hpp"
#include "aggregator/table_abi.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"

namespace trackshm::aggregator {

using shm::SegmentStatus;

std::string Ledger::open(const std::string& name_space, std::uint32_t uid) {
    const std::string name = shm::ledger_segment_name(name_space, uid);
    const SegmentStatus status = segment_.open(name, shm::bip::read_write, ledger_segment_bytes);
    const bool is_usable_state = status == SegmentStatus::ok && is_usable(uid);
    if (is_usable_state) {
        if (std::string error = recover(name_space); !error.empty()) return error;
    }
    if (is_usable_state && is_sound_ledger(segment_)) {
        // the predecessor's state, as of its last commit
    } else if (status == SegmentStatus::ok || status == SegmentStatus::absent ||
               status == SegmentStatus::unsuitable) {
        if (std::string error = create(name_space, uid); !error.empty()) return error;
        log_.emplace(segment_.data());
    } else {
        return "cannot open " + shm::path_of(name) + ": " + reason_and_remedy(errno);
    }
    reload();
    reserve_annexes();
    return {};
}

bool Ledger::is_usable(std::uint32_t uid) const noexcept {
    return segment_.owner_uid() == geteuid() && header().magic == ledger_magic &&
           header().layout == shm::layout_version && header().uid == uid && header().boot_id == shm::boot_id();
}

std::string Ledger::create(const std::string& name_space, std::uint32_t uid) {
    forget(name_space, uid);
    const std::string temporary = shm::temporary_segment_name(name_space, getpid(), shm::random_nonce());
    if (segment_.create(temporary, ledger_segment_bytes, annexes_offset) != SegmentStatus::ok) {
        return "cannot create the ledger in /dev/shm: " + reason_and_remedy(errno);
    }
    LedgerHeader& h = header();
    h.magic = ledger_magic;
    h.layout = shm::layout_version;
    h.uid = uid;
    h.boot_id = shm::boot_id();
    h.nonce = shm::random_nonce();
    auto* memories = segment_.at<MemoryAccount>(memories_offset);
    for (std::uint32_t i = 0; i < shm::max_type_rows; ++i) memories[i].capacity_bytes = shm::unknown_capacity;
    if (segment_.publish_as(shm::ledger_segment_name(name_space, uid)) != SegmentStatus::ok) {
        const std::string error = "cannot name the ledger: " + reason_and_remedy(errno);
        segment_.unlink();
        return error;
    }
    return {};
}

void Ledger::forget(const std::string& name_space, std::uint32_t uid) {
    shm::remove_file(shm::ledger_segment_name(name_space, uid));
}

// Puts the interrupted batch back, if there is one. Its table may be gone: then its process is, and so is what the batch
// did to it. But a table that is there and cannot be written to must be waited for: half a batch would stay.
std::string Ledger::recover(const std::string& name_space) {
    log_.emplace(segment_.data());
    if (!log_->is_open()) return {};
    const auto pid = static_cast<std::int32_t>(header().log_table_pid);
    const std::string table_name = shm::table_segment_name(name_space, pid, header().log_table_nonce);
    shm::Segment table;
    const SegmentStatus status = table.open(table_name, shm::bip::read_write, first_area_offset, first_area_offset);
    const std::string complaint = "cannot take back what the last aggregator did not finish in " +
                                  shm::path_of(table_name) + ": ";
    if (status == SegmentStatus::no_space || status == SegmentStatus::failed) return complaint + reason_and_remedy(errno);
    const std::uint64_t table_bytes =
        status == SegmentStatus::ok && table.owner_uid() == geteuid() ? table.file_bytes() : 0;
    const auto write = [&](LogTarget target, std::uint64_t offset, const std::byte* bytes, std::uint32_t count) {
        const std::uint64_t room = target == LogTarget::ledger ? segment_.bytes() : table_bytes;
        if (offset > room || count > room - offset) return true;  // not a log of ours, or no table
        if (target == LogTarget::ledger) {
            std::memcpy(segment_.data() + offset, bytes, count);
            return true;
        }
        return pwrite(table.fd(), bytes, count, static_cast<off_t>(offset)) == static_cast<ssize_t>(count);
    };
    return log_->roll_back(write) ? std::string{} : complaint + reason_and_remedy(errno);
}

void Ledger::reload() noexcept {
    std::fill(slots_.begin(), slots_.end(), no_slot);
    for (std::uint32_t slot = 0; slot < header().devices; ++slot) {
        slots_[device(slot).device] = static_cast<std::uint16_t>(slot);
    }
}

bool Ledger::first_touch(std::uint64_t& last_batch) noexcept {
    if (last_batch == log_->batch()) return false;
    last_batch = log_->batch();
    return true;
}

LedgerHeader& Ledger::change_header() noexcept {
    constexpr std::uint64_t offset = offsetof(LedgerHeader, devices);
    if (first_touch(header_saved_)) {
        log_->save(LogTarget::ledger, offset, segment_.data() + offset, sizeof(LedgerHeader) - offset);
    }
    return header();
}

DeviceAccount& Ledger::change_device(std::uint32_t slot) noexcept {
    DeviceAccount& account = segment_.at<DeviceAccount>(accounts_offset)[slot];
    if (first_touch(device_saved_[slot])) {
        log_->save(LogTarget::ledger, accounts_offset + slot * sizeof(DeviceAccount), &account, sizeof account);
    }
    return account;
}

MemoryAccount& Ledger::change_memory(std::uint32_t slot, std::uint32_t type) noexcept {
    const std::uint32_t index = slot * shm::type_count + type;
    MemoryAccount& account = segment_.at<MemoryAccount>(memories_offset)[index];
    if (first_touch(memory_saved_[index])) {
        log_->save(LogTarget::ledger, memories_offset + index * sizeof(MemoryAccount), &account, sizeof account);
    }
    return account;
}

std::uint32_t Ledger::slot_for(std::uint16_t device) noexcept {
    const std::uint32_t known = slot_of(device);
    if (known != none || header().devices == shm::max_devices) return known;
    const auto slot = static_cast<std::uint32_t>(change_header().devices++);
    DeviceAccount& account = change_device(slot);
    account.device = device;
    account.peak_exact = 1;
    reserve_annex(slot);
    slots_[device] = static_cast<std::uint16_t>(slot);
    return slot;
}

// --- annexes --------------------------------------------------------------------------------------------------------

void Ledger::reserve_annex(std::uint32_t slot) noexcept {
    if (has_annex_[slot] != 0) return;
    const bool reserved = segment_.reserve(annexes_offset + slot * annex_bytes, annex_bytes) == SegmentStatus::ok;
    has_annex_[slot] = reserved ? 1 : 0;
}

void Ledger::reserve_annexes() noexcept {
    for (std::uint32_t slot = 0; slot < header().devices; ++slot) reserve_annex(slot);
}

// Keeps the largest.
void Ledger::add_ended_holder(std::uint32_t slot, const shm::HolderRow& holder) noexcept {
    DeviceAnnex* const device_annex = annex(slot);
    if (device_annex == nullptr) return;
    EndedHolders& ended = device_annex->ended;
    save(ended.epoch);
    save(ended.count);
    if (ended.epoch != device(slot).peak_epoch) {
        ended.epoch = device(slot).peak_epoch;
        ended.count = 0;
    }
    shm::HolderRow* place = nullptr;
    if (ended.count < stats::max_peak_holders) {
        place = &ended.holders[ended.count++];
    } else {
        place = std::min_element(std::begin(ended.holders), std::end(ended.holders),
                                 [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
        if (place->bytes >= holder.bytes) return;
    }
    save(*place);
    *place = holder;
}

std::vector<std::uint32_t> Ledger::slots_by_device() const {
    std::vector<std::uint32_t> slots(header().devices);
    std::iota(slots.begin(), slots.end(), 0u);
    std::sort(slots.begin(), slots.end(),
              [&](std::uint32_t a, std::uint32_t b) { return device(a).device < device(b).device; });
    return slots;
}

void Ledger::add_exited(const shm::ExitedRow& row) noexcept {
    shm::ExitedTotals& totals = change_header().exited;
    const std::uint64_t index = totals.processes++ % shm::max_exited;
    totals.leaked_bytes += row.leaked_bytes;
    totals.leaked_buffers += row.leaked_buffers;
    const std::uint64_t offset = exited_offset + index * sizeof row;
    log_->save(LogTarget::ledger, offset, segment_.data() + offset, sizeof row);
    std::memcpy(segment_.data() + offset, &row, sizeof row);
}

}  // namespace trackshm::aggregator
