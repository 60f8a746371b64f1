// SPDX-License-Identifier: Apache-2.0
//
// Reader::read_details: one publication of the details, and the samples as they are now.
#include <trackshm/stats.hpp>

#include "shm/details_abi.hpp"
#include "shm/stats_mapping.hpp"

namespace trackshm::stats {

using namespace trackshm::shm;

namespace {

struct DetailsBlock {
    DetailsHeader header{};
    std::vector<DetailsRow> devices;
    std::vector<HolderRow> holders;
    std::vector<BufferRow> buffers;
    std::vector<ClassRow> classes;

    void copy_from(const std::byte* block) {
        load_words(&header, words_at(block), sizeof header);
        copy_rows(devices, block + details_rows_offset, header.devices, max_devices);
        copy_rows(holders, block + holder_rows_offset, header.holders, max_holder_rows);
        copy_rows(buffers, block + buffer_rows_offset, header.buffers, max_buffer_rows);
        copy_rows(classes, block + class_rows_offset, header.classes, max_class_rows);
    }
};

// The next `count` rows of a section, or what there is of them.
template <class Row, class Take>
void take_rows(const std::vector<Row>& rows, std::size_t& next, std::uint64_t count, Take&& take) {
    for (std::uint64_t i = 0; i < count && next < rows.size(); ++i) take(rows[next++]);
}

void take_holders(DeviceDetails& device, const DetailsRow& row, const DetailsBlock& block, std::size_t& next) {
    AtPeak peak;
    peak.time_unix_ns = row.peak_unix_ns;
    peak.bytes = row.peak_bytes;
    peak.exact = row.peak_exact != 0;
    peak.rest_bytes = row.rest_bytes;
    take_rows(block.holders, next, row.holders, [&](const HolderRow& holder) {
        peak.holders.push_back({holder.pid, text_of(holder.comm), static_cast<std::uint8_t>(holder.type), holder.bytes,
                                holder.ended != 0});
    });
    if (row.peak_bytes != 0) device.at_peak = std::move(peak);
}

void take_failure(DeviceDetails& device, const DetailsRow& row, const DetailsBlock& block, std::size_t& next) {
    AllocationFailure failure;
    failure.time_unix_ns = row.failure.unix_ns;
    failure.size_bytes = row.failure.size_bytes;
    failure.type = static_cast<std::uint8_t>(row.failure.type);
    failure.pid = row.failure.pid;
    failure.comm = text_of(row.failure.comm);
    failure.count = row.failure.count;
    failure.largest_time_unix_ns = row.failure.list_unix_ns;
    failure.largest_gathering_ns = row.failure.list_gathering_ns;
    take_rows(block.buffers, next, row.buffers, [&](const BufferRow& buffer) {
        failure.largest.push_back({buffer.id, buffer.size_bytes, static_cast<std::uint8_t>(buffer.type), buffer.pid,
                                   text_of(buffer.comm), buffer.age_ns});
    });
    if (row.failure.count != 0) device.last_failure = std::move(failure);
}

void take_classes(Details& details, const DetailsBlock& block) {
    auto device = details.devices.begin();
    for (const ClassRow& row : block.classes) {  // in order of devices, types and classes
        while (device != details.devices.end() && device->device < row.device) ++device;
        const bool fits = device != details.devices.end() && device->device == row.device && row.type < type_count &&
                          row.size_class < size_class_count;  // whatever the segment says
        if (!fits) continue;
        if (device->types.empty() || device->types.back().type != row.type) {
            device->types.push_back({static_cast<std::uint8_t>(row.type), {}});
        }
        device->types.back().size_histogram.push_back({size_class_limit(row.size_class), row.allocated, row.live});
    }
}

void copy_history(std::vector<Sample>& samples, const HistoryPositions& positions, const std::byte* ring,
                  std::uint64_t capacity, std::size_t shown, std::uint64_t unix_minus_monotonic_ns) {
    std::vector<HistorySample> copied;
    copy_samples(copied, positions, words_at(ring), capacity);
    const std::size_t first = copied.size() - std::min(copied.size(), shown);
    samples.reserve(copied.size() - first);
    for (std::size_t i = first; i < copied.size(); ++i) {
        const HistorySample& sample = copied[i];
        samples.push_back({sample.monotonic_ns + unix_minus_monotonic_ns, sample.live_bytes, sample.peak_bytes,
                           sample.allocations, sample.allocated_bytes, sample.deallocations});
    }
}

void take_history(Details& details, const Segment& segment) {
    const std::uint64_t unix_minus_monotonic_ns = unix_ns() - monotonic_ns();
    for (std::uint32_t i = 0; i < max_devices; ++i) {
        const auto& header = segment.at<const HistoryHeader>(history_headers_offset)[i];
        const std::uint64_t device_and_one = header.device_and_one.load(std::memory_order_acquire);
        if (device_and_one == 0) continue;
        const auto device = std::find_if(details.devices.begin(), details.devices.end(), [&](const auto& candidate) {
            return std::uint64_t{candidate.device} + 1 == device_and_one;
        });
        if (device == details.devices.end()) continue;
        const std::byte* const rings = segment.data() + history_offset + i * history_bytes;
        copy_history(device->seconds, header.seconds, rings, second_samples, max_second_samples,
                     unix_minus_monotonic_ns);
        copy_history(device->ten_seconds, header.ten_seconds, rings + ten_second_samples_offset, ten_second_samples,
                     max_ten_second_samples, unix_minus_monotonic_ns);
        if (header.device_and_one.load(std::memory_order_acquire) != device_and_one) {  // an aggregator began anew
            device->seconds.clear();
            device->ten_seconds.clear();
        }
    }
}

}  // namespace

const DeviceDetails* Details::find(std::uint32_t device) const noexcept {
    const auto found =
        std::find_if(devices.begin(), devices.end(), [&](const auto& candidate) { return candidate.device == device; });
    return found == devices.end() ? nullptr : &*found;
}

bool Reader::read_details(Details& details, Error& error) {
    const Segment& segment = mapping_->segment;
    const auto* header = segment.at<const StatsHeader>(0);
    DetailsBlock block;
    const auto copy = [&](std::size_t index) {
        block.copy_from(segment.data() + first_details_offset + index * details_block_bytes);
    };
    if (!read_block(header->details_generation, header->details_writing, copy, error)) return false;

    details = Details{};
    details.publish_seq = block.header.publish_seq;
    details.publish_age_ns = age_of(monotonic_ns(), block.header.publish_monotonic_ns);
    details.rows_omitted = block.header.rows_omitted;
    std::size_t next_holder = 0;
    std::size_t next_buffer = 0;
    for (const DetailsRow& row : block.devices) {
        DeviceDetails& device = details.devices.emplace_back();
        device.device = row.device;
        take_holders(device, row, block, next_holder);
        take_failure(device, row, block, next_buffer);
    }
    take_classes(details, block);
    take_history(details, segment);
    return true;
}

}  // namespace trackshm::stats
