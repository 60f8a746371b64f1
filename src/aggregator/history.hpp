// SPDX-License-Identifier: Apache-2.0
//
// The past of every device: a sample a second for ten minutes, one in ten seconds for two hours, in the stats segment,
// where readers find them and the next aggregator goes on (shm/history_ring.hpp). And the peaks of the last seconds.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "aggregator/ledger.hpp"
#include "shm/details_abi.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

class History {
public:
    // `stats` is the stats segment, open once open() is called.
    explicit History(shm::Segment& stats) noexcept : stats_(stats), devices_(shm::max_devices) {}

    // Takes up what a predecessor left, if it kept the same ledger; else begins anew. The first sample is due a second
    // later.
    void open(const Ledger& ledger, std::uint64_t now_ns) noexcept;

    bool is_due(std::uint64_t now_ns) const noexcept { return now_ns >= next_second_ns_; }
    // Takes a sample of every device: the interval since the last one ends, and the next begins. Between batches.
    void sample(Ledger& ledger, std::uint64_t now_ns) noexcept;

    // Most bytes live at once since that many whole seconds before the last sample.
    struct RecentPeaks {
        std::uint64_t of_15s = 0;
        std::uint64_t of_60s = 0;
    };
    RecentPeaks recent_peaks(const Ledger& ledger, std::uint32_t slot) const noexcept;

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    static constexpr std::size_t remembered_intervals = 60;

    struct Interval {
        std::uint64_t end_ns = 0;
        std::uint64_t peak_bytes = 0;
    };
    // By ledger slot.
    struct Device {
        std::uint32_t place = none;  // index of its history header
        std::array<Interval, remembered_intervals> intervals{};  // a ring: the last whole ones
        std::size_t next_interval = 0;
        std::uint64_t ten_seconds_peak_bytes = 0;  // since the last sample of these
        RecentPeaks recent;                        // of whole intervals
    };

    shm::HistoryHeader& header(std::uint32_t place) const noexcept {
        return stats_.at<shm::HistoryHeader>(shm::history_headers_offset)[place];
    }
    shm::Word* ring(std::uint32_t place, std::uint64_t offset) const noexcept {
        return stats_.at<shm::Word>(shm::history_offset + place * shm::history_bytes + offset);
    }
    void forget_all() noexcept;
    void take_up(Device& device) noexcept;
    std::uint32_t place_of(std::uint32_t device) const noexcept;
    bool find_place(Device& device, std::uint32_t id) noexcept;
    void remember(Device& device, const Interval& interval) noexcept;

    shm::Segment& stats_;
    std::vector<Device> devices_;
    std::uint64_t next_second_ns_ = 0;
    std::uint64_t next_ten_seconds_ns_ = 0;
};

}  // namespace trackshm::aggregator
