// SPDX-License-Identifier: Apache-2.0
//
// Writes the details into the stats segment: what readers see less often than the counters, so that these are published
// as quickly as without it. See shm/details_abi.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "aggregator/ledger.hpp"
#include "aggregator/process.hpp"
#include "aggregator/row_section.hpp"
#include "shm/details_abi.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

class DetailsPublisher {
public:
    // `stats` is the open stats segment, and stays so.
    explicit DetailsPublisher(shm::Segment& stats) noexcept;

    void publish(const Ledger& ledger, const std::vector<std::unique_ptr<TrackedProcess>>& processes);

private:
    using LiveClasses = std::array<std::uint64_t, shm::size_class_count>;

    void collect_process(const Ledger& ledger, TrackedProcess& process);
    void collect_device(const Ledger& ledger, std::uint32_t slot);
    void collect_peak(const Ledger& ledger, std::uint32_t slot, shm::DetailsRow& row);
    void collect_failure(const DeviceAnnex& annex, shm::DetailsRow& row);
    void collect_classes(const Ledger& ledger, const DeviceAnnex& annex, std::uint32_t slot);
    void store();

    shm::Segment& stats_;
    // Of all processes, by slot; and by slot and type.
    std::vector<std::vector<shm::HolderRow>> holders_by_slot_;
    std::vector<LiveClasses> live_by_memory_;
    // The block under construction, in private memory.
    shm::DetailsHeader header_{};
    std::vector<shm::DetailsRow> devices_;
    std::vector<shm::HolderRow> holders_;
    std::vector<shm::BufferRow> buffers_;
    std::vector<shm::ClassRow> classes_;
    RowSection<shm::DetailsRow> device_section_;
    RowSection<shm::HolderRow> holder_section_;
    RowSection<shm::BufferRow> buffer_section_;
    RowSection<shm::ClassRow> class_section_;
};

}  // namespace trackshm::aggregator
