// SPDX-License-Identifier: Apache-2.0
//
// The consumer of the models with several lanes: the aggregator's own merge, fed and emptied as TrackedProcess does.
#pragma once

#include <array>
#include <cstdint>

#include "aggregator/lane_merge.hpp"
#include "model.hpp"
#include "shm/drain_order.hpp"
#include "shm/estate.hpp"
#include "shm/lane.hpp"

namespace trackshm::models {

template <std::size_t lanes>
class Drain {
public:
    using Headers = std::array<shm::BasicLaneHeader<ModelAtomics>, lanes>;
    using Slot = shm::BasicSlot<ModelAtomics>;

    // At most so many events come with one pass.
    explicit Drain(std::uint64_t limit = aggregator::Batch::max_events) { batch_.limit = limit; }

    template <class Slots>
    bool look(const Headers& headers, const Slots& slots, std::size_t used = lanes) {
        merge_.clear();
        for (std::size_t i = 0; i < used; ++i) {
            const std::uint64_t write = shm::published_position(headers[i]);
            if (!merge_.add(slots[i].data(), slots[i].size(), write, &batch_.positions[i])) return false;
        }
        return true;
    }
    template <class Slots>
    bool look_at_estate(std::uint64_t write, const Slots& slots) {
        return merge_.add(slots.data(), std::uint64_t{1} << 63, write, &batch_.estate_position);
    }

    // Applies what was seen below the limit, then gives the slots back.
    template <class Apply>
    bool merge(Headers& headers, std::uint64_t limit, Apply&& apply) {
        batch_.clear();
        if (!merge_.merge(batch_, limit)) return false;
        for (const shm::Event& event : batch_.events()) apply(event);
        for (std::size_t i = 0; i < lanes; ++i) shm::release_slots_below(headers[i], batch_.positions[i]);
        return true;
    }

    // As far as the last merge came: every event below that was visible to it is applied.
    std::uint64_t applied_below() const { return batch_.applied_below; }

private:
    aggregator::BasicLaneMerge<ModelAtomics> merge_;
    aggregator::Batch batch_;
};

}  // namespace trackshm::models
