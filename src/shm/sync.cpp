// SPDX-License-Identifier: Apache-2.0
//
// trackshm_sync: waits until the aggregator's watermark has passed this process's tickets.
#include <trackshm/trackshm.h>

#include <algorithm>

#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/producer.hpp"
#include "shm/record_lock.hpp"

namespace trackshm::shm {
namespace {

constexpr std::uint64_t shortest_rest_ns = 50'000;
constexpr std::uint64_t longest_rest_ns = 1'000'000;

bool stats_segment_has_aggregator(const std::string& name_space, std::uint32_t uid) {
    bip::shared_memory_object object(bip::open_only, stats_segment_name(name_space, uid).c_str(), bip::read_only);
    return lock_holder(object.get_mapping_handle().handle, aggregator_byte).has_value();
}

}  // namespace

bool Producer::aggregator_alive() const noexcept {
    if (owns_descriptor() && lock_holder(segment_.fd(), claim_byte)) return true;  // it drains this process
    for (const std::uint32_t uid : {header()->uid, std::uint32_t{0}}) {
        try {
            if (stats_segment_has_aggregator(settings_.name_space, uid)) return true;
        } catch (...) {  // no such segment, or not readable
        }
    }
    return false;
}

bool Producer::flush_for_sync(std::uint64_t deadline_ns) noexcept {
    for (std::uint64_t rest_ns = shortest_rest_ns;; rest_ns = std::min(rest_ns * 2, longest_rest_ns)) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (gate.look_under_mutex() != Mode::coalescing || flush(shared_lane_.capacity)) {
                return true;
            }
        }
        if (monotonic_ns() >= deadline_ns) return false;
        sleep_ns(rest_ns);
    }
}

int Producer::sync(std::uint32_t timeout_ms) noexcept {
    if (decide() == Mode::off) return TRACKSHM_SYNC_OFF;
    if (!aggregator_alive()) return TRACKSHM_SYNC_NO_AGGREGATOR;
    const std::uint64_t deadline_ns = monotonic_ns() + std::uint64_t{timeout_ms} * 1'000'000;
    if (!flush_for_sync(deadline_ns)) {
        return aggregator_alive() ? TRACKSHM_SYNC_TIMED_OUT : TRACKSHM_SYNC_NO_AGGREGATOR;
    }
    const std::uint64_t reported = tickets->load(std::memory_order_acquire);
    std::uint64_t rest_ns = shortest_rest_ns;
    while (header()->watermark.load(std::memory_order_acquire) < reported) {  // release: lifecycle of a publication
        if (monotonic_ns() >= deadline_ns) {
            return aggregator_alive() ? TRACKSHM_SYNC_TIMED_OUT : TRACKSHM_SYNC_NO_AGGREGATOR;
        }
        sleep_ns(rest_ns);
        rest_ns = std::min(rest_ns * 2, longest_rest_ns);
    }
    return TRACKSHM_SYNC_DONE;
}

}  // namespace trackshm::shm
