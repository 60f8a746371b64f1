// SPDX-License-Identifier: Apache-2.0
#include "aggregator/details_publisher.hpp"

#include "shm/os.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

constexpr RowPlace place(std::uint64_t section_offset, std::uint64_t max_rows) noexcept {
    return {first_details_offset, details_block_bytes, section_offset, max_rows};
}

}  // namespace

DetailsPublisher::DetailsPublisher(Segment& stats) noexcept
    : stats_(stats),
      device_section_(stats, place(details_rows_offset, max_devices)),
      holder_section_(stats, place(holder_rows_offset, max_holder_rows)),
      buffer_section_(stats, place(buffer_rows_offset, max_buffer_rows)),
      class_section_(stats, place(class_rows_offset, max_class_rows)) {}

void DetailsPublisher::publish(const Ledger& ledger, const std::vector<std::unique_ptr<TrackedProcess>>&) {
    auto* const stats = stats_.at<StatsHeader>(0);
    Publication publication(stats->details_generation, stats->details_writing);
    header_ = DetailsHeader{};
    devices_.clear();
    holders_.clear();
    buffers_.clear();
    classes_.clear();
    for (const std::uint32_t slot : ledger.slots_by_device()) {
        DetailsRow row{};
        row.device = ledger.device(slot).device;
        devices_.push_back(row);
    }

    header_.rows_omitted = device_section_.make_room(devices_) + holder_section_.make_room(holders_) +
                           buffer_section_.make_room(buffers_) + class_section_.make_room(classes_);
    header_.publish_seq = stats->details_generation.load(std::memory_order_relaxed) + 1;
    header_.publish_monotonic_ns = monotonic_ns();
    header_.devices = static_cast<std::uint32_t>(devices_.size());
    header_.holders = static_cast<std::uint32_t>(holders_.size());
    header_.buffers = static_cast<std::uint32_t>(buffers_.size());
    header_.classes = static_cast<std::uint32_t>(classes_.size());

    const std::size_t block = publication.begin();
    store_words(stats_.at<Word>(first_details_offset + block * details_block_bytes), &header_, sizeof header_);
    device_section_.store(block, devices_);
    holder_section_.store(block, holders_);
    buffer_section_.store(block, buffers_);
    class_section_.store(block, classes_);
    publication.end();
}

}  // namespace trackshm::aggregator
