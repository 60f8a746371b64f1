// SPDX-License-Identifier: Apache-2.0
//
// The consumer of the models with several lanes: what TrackedProcess does with what drain_order.hpp shows it, in short.
#pragma once

#include <array>
#include <cstdint>

#include "model.hpp"
#include "shm/drain_order.hpp"
#include "shm/lane.hpp"

namespace trackshm::models {

template <std::size_t lanes>
class Drain {
public:
    using Headers = std::array<shm::BasicLaneHeader<ModelAtomics>, lanes>;

    void look(const Headers& headers) {
        for (std::size_t i = 0; i < lanes; ++i) published_[i] = shm::published_position(headers[i]);
    }

    // Applies what was seen, by ticket, below the limit; then gives the slots back.
    template <class Slots, class Apply>
    void merge(Headers& headers, const Slots& slots, std::uint64_t limit, Apply&& apply) {
        for (;;) {
            std::size_t first = lanes;
            std::uint64_t first_ticket = limit;
            for (std::size_t i = 0; i < lanes; ++i) {
                if (read_[i] == published_[i]) continue;
                const std::uint64_t ticket = slot(slots, i).ticket.load(std::memory_order_relaxed);
                if (ticket >= first_ticket) continue;
                first = i;
                first_ticket = ticket;
            }
            if (first == lanes) break;
            shm::Event event;
            shm::load_event(event, slot(slots, first));
            apply(event);
            ++read_[first];
        }
        for (std::size_t i = 0; i < lanes; ++i) shm::release_slots_below(headers[i], read_[i]);
    }

private:
    template <class Slots>
    const auto& slot(const Slots& slots, std::size_t lane) const {
        return slots[lane][read_[lane] % slots[lane].size()];
    }

    std::array<std::uint64_t, lanes> published_{};
    std::array<std::uint64_t, lanes> read_{};
};

}  // namespace trackshm::models
