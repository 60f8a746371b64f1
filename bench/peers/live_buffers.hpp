// SPDX-License-Identifier: Apache-2.0
//
// What the consumer at the other end of a peer's channel does with an event: the least that answers "who holds what".
// And how it is checked that every event arrived there.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <unordered_map>

#include "harness/statistics.hpp"

namespace trackshm::bench {

enum class EventKind : std::uint8_t { allocation = 1, deallocation = 2 };

// As large as a slot of ours.
struct PeerEvent {
    std::uint64_t size_bytes;
    std::uint64_t buffer_id;
    std::uint64_t time_ns;  // nobody fills it in: our events have no clock either
    std::uint32_t device;
    EventKind kind;
    std::uint8_t buffer_type;
};
static_assert(sizeof(PeerEvent) == 32, "the size of an event in our rings");

class LiveBuffers {
public:
    template <class Event>
    void apply(const Event& event) {
        if (event.kind == EventKind::allocation) {
            live_[event.buffer_id] = {event.size_bytes, event.device};
            live_bytes_[event.device % 8] += event.size_bytes;
        } else if (const auto found = live_.find(event.buffer_id); found != live_.end()) {
            live_bytes_[found->second.device % 8] -= found->second.size_bytes;
            live_.erase(found);
        }
    }
    std::uint64_t count() const noexcept { return live_.size(); }

private:
    struct Buffer {
        std::uint64_t size_bytes;
        std::uint32_t device;
    };
    std::unordered_map<std::uint64_t, Buffer> live_;
    std::uint64_t live_bytes_[8] = {};
};

// Throws unless all that run_churn reported was applied and nothing stayed live. Takes the figure `events` away.
inline void check_all_arrived(Figures& figures, std::uint64_t applied, std::uint64_t live_buffers) {
    const auto reported = figures.at("events").get<std::uint64_t>();
    if (applied != reported || live_buffers != 0) throw std::runtime_error("the peer's consumer lost events");
    figures.erase("events");
}

}  // namespace trackshm::bench
