// SPDX-License-Identifier: Apache-2.0
#include "aggregator/history.hpp"

#include <algorithm>
#include <utility>

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

// The next one is due a period after this one was, so that being late does not add up; but not twice at once.
void advance(std::uint64_t& due_ns, std::uint64_t period_ns, std::uint64_t now_ns) noexcept {
    due_ns += period_ns;
    if (due_ns <= now_ns) due_ns = now_ns + period_ns;
}

}  // namespace

void History::open(const Ledger& ledger, std::uint64_t now_ns) noexcept {
    next_second_ns_ = now_ns + second_ns;
    next_ten_seconds_ns_ = now_ns + 10 * second_ns;
    std::atomic<std::uint64_t>& known = stats_.at<StatsHeader>(0)->history_ledger_nonce;
    if (known.load(std::memory_order_relaxed) != ledger.header().nonce) {
        forget_all();
        known.store(ledger.header().nonce, std::memory_order_release);
        return;
    }
    for (std::uint32_t slot = 0; slot < ledger.header().devices; ++slot) {
        Device& device = devices_[slot];
        device.place = place_of(ledger.device(slot).device);
        if (device.place != none) take_up(device);
    }
}

// The samples first: what is in the rings is never another device's.
void History::forget_all() noexcept {
    for (std::uint32_t place = 0; place < max_devices; ++place) {
        HistoryHeader& h = header(place);
        if (h.device_and_one.load(std::memory_order_relaxed) == 0) continue;
        forget_samples(h.seconds);
        forget_samples(h.ten_seconds);
        h.device_and_one.store(0, std::memory_order_release);
    }
}

void History::take_up(Device& device) noexcept {
    const HistoryHeader& h = header(device.place);
    std::vector<HistorySample> tens;
    std::vector<HistorySample> seconds;
    copy_samples(tens, h.ten_seconds, ring(device.place, ten_second_samples_offset), ten_second_samples);
    copy_samples(seconds, h.seconds, ring(device.place, 0), second_samples);
    const std::uint64_t last_ten_ns = tens.empty() ? 0 : tens.back().monotonic_ns;
    // Frequent restarts must not put the next one off for ever.
    next_ten_seconds_ns_ = std::min(next_ten_seconds_ns_, std::max(last_ten_ns + 10 * second_ns, next_second_ns_));
    for (const HistorySample& sample : seconds) {
        remember(device, {sample.monotonic_ns, sample.peak_bytes});
        if (sample.monotonic_ns > last_ten_ns) {
            device.ten_seconds_peak_bytes = std::max(device.ten_seconds_peak_bytes, sample.peak_bytes);
        }
    }
}

std::uint32_t History::place_of(std::uint32_t device) const noexcept {
    for (std::uint32_t place = 0; place < max_devices; ++place) {
        if (header(place).device_and_one.load(std::memory_order_relaxed) == std::uint64_t{device} + 1) return place;
    }
    return none;
}

// False if there is no room in /dev/shm: tried again at the next sample.
bool History::find_place(Device& device, std::uint32_t id) noexcept {
    if (device.place != none) return true;
    std::uint32_t place = place_of(id);
    if (place == none) {
        place = 0;
        while (place < max_devices && header(place).device_and_one.load(std::memory_order_relaxed) != 0) ++place;
        if (place == max_devices) return false;
    }
    if (stats_.reserve(history_offset + place * history_bytes, history_bytes) != SegmentStatus::ok) return false;
    header(place).device_and_one.store(std::uint64_t{id} + 1, std::memory_order_release);
    device.place = place;
    return true;
}

void History::sample(Ledger& ledger, std::uint64_t now_ns) noexcept {
    const bool is_tenth = now_ns >= next_ten_seconds_ns_;
    for (std::uint32_t slot = 0; slot < ledger.header().devices; ++slot) {
        const DeviceAccount& account = ledger.device(slot);
        Device& device = devices_[slot];
        HistorySample sample{now_ns, account.live_bytes, account.interval_peak_bytes, 0, 0, 0};
        for (std::uint32_t type = 0; type < type_count; ++type) {
            const MemoryAccount& memory = ledger.memory(slot, type);
            sample.allocations += memory.allocations;
            sample.allocated_bytes += memory.allocated_bytes;
            sample.deallocations += memory.deallocations;
        }
        const bool has_place = find_place(device, account.device);
        if (has_place) append_sample(header(device.place).seconds, ring(device.place, 0), second_samples, sample);
        remember(device, {now_ns, sample.peak_bytes});
        device.ten_seconds_peak_bytes = std::max(device.ten_seconds_peak_bytes, sample.peak_bytes);
        // Killed before this, the successor's first interval knows this peak too, which is before its time.
        ledger.begin_interval(slot);
        if (!is_tenth) continue;
        sample.peak_bytes = std::exchange(device.ten_seconds_peak_bytes, 0);
        if (!has_place) continue;
        append_sample(header(device.place).ten_seconds, ring(device.place, ten_second_samples_offset),
                      ten_second_samples, sample);
    }
    advance(next_second_ns_, second_ns, now_ns);
    if (is_tenth) advance(next_ten_seconds_ns_, 10 * second_ns, now_ns);
}

void History::remember(Device& device, const Interval& interval) noexcept {
    device.intervals[device.next_interval++ % remembered_intervals] = interval;
    const auto peak_since = [&](std::uint64_t seconds) {
        std::uint64_t peak = 0;
        for (const Interval& past : device.intervals) {
            if (past.end_ns + seconds * second_ns > interval.end_ns) peak = std::max(peak, past.peak_bytes);
        }
        return peak;
    };
    device.recent = {peak_since(15), peak_since(60)};
}

History::RecentPeaks History::recent_peaks(const Ledger& ledger, std::uint32_t slot) const noexcept {
    const std::uint64_t now = ledger.device(slot).interval_peak_bytes;
    const RecentPeaks& whole = devices_[slot].recent;
    return {std::max(whole.of_15s, now), std::max(whole.of_60s, now)};
}

}  // namespace trackshm::aggregator
