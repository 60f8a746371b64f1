// SPDX-License-Identifier: Apache-2.0
//
// trackshm_sync: waits until a drain that saw everything reported before is in the published counters.
//
// It reports a mark of its own and waits for the watermark to pass the mark's ticket. Without it, the watermark could
// pass the last event by a drain that began after that event took its ticket, but before its slot was published, and so
// did not see it. A drain whose limit lies above the mark sees all that happened before the mark (drain_order.hpp).
// Modelled in tests/models/sync_model.cpp.
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

// A thirty-second of what was waited so far, within these: how late a caller learns of the end is in proportion.
std::uint64_t rest_after(std::uint64_t waited_ns) {
    return std::clamp(waited_ns / 32, shortest_rest_ns, longest_rest_ns);
}

bool stats_segment_has_aggregator(const std::string& name_space, std::uint32_t uid) {
    SharedFile file;
    struct stat info {};
    return file.open(stats_segment_name(name_space, uid), bip::read_only) && fstat(file.fd(), &info) == 0 &&
           info.st_uid == uid && lock_holder(file.fd(), aggregator_byte).has_value();
}

}  // namespace

bool Producer::aggregator_alive() const noexcept {
    if (owns_descriptor() && lock_holder(segment_.fd(), claim_byte)) return true;  // it drains this process
    for (const std::uint32_t uid : {header()->uid, std::uint32_t{0}}) {
        try {
            if (stats_segment_has_aggregator(settings_.name_space, uid)) return true;
        } catch (...) {  // no memory for a name
        }
    }
    return false;
}

// Sends what is held, then the mark. `awaited` is what the watermark must reach.
bool Producer::send_mark(std::uint64_t deadline_ns, std::uint64_t& awaited) noexcept {
    for (std::uint64_t rest_ns = shortest_rest_ns;; rest_ns = std::min(rest_ns * 2, longest_rest_ns)) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            // While there is room again and again, a small lane is best filled without long rests.
            if (shared_lane_.refresh()) rest_ns = shortest_rest_ns;
            const bool all_sent = gate.look_under_mutex() != Mode::coalescing || flush(most_slots_at_a_time);
            if (all_sent && push_shared(mark, 0)) {
                awaited = tickets->load(std::memory_order_relaxed);
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
    const std::uint64_t start_ns = monotonic_ns();
    const std::uint64_t deadline_ns = start_ns + std::uint64_t{timeout_ms} * 1'000'000;
    std::uint64_t awaited = 0;
    if (!send_mark(deadline_ns, awaited)) {
        return aggregator_alive() ? TRACKSHM_SYNC_TIMED_OUT : TRACKSHM_SYNC_NO_AGGREGATOR;
    }
    while (header()->watermark.load(std::memory_order_acquire) < awaited) {  // release: publish_watermark
        const std::uint64_t now_ns = monotonic_ns();
        if (now_ns >= deadline_ns) {
            return aggregator_alive() ? TRACKSHM_SYNC_TIMED_OUT : TRACKSHM_SYNC_NO_AGGREGATOR;
        }
        sleep_ns(rest_after(now_ns - start_ns));
    }
    return TRACKSHM_SYNC_DONE;
}

}  // namespace trackshm::shm
