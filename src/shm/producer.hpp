// SPDX-License-Identifier: Apache-2.0
//
// The tracked process's side of tracking: one Producer per process. The hooks (hook.cpp) take the short way through
// `gate`, `this_thread` and `tickets`; everything else comes here.
//
// A process is in one mode at a time:
//
//                first hook                      a lane is full
//   undecided ──────────────▶ active  ─────────────────────────▶ coalescing
//       ▲         │              ◀──────────────────────────────────┘
//       │ fork    ▼                all that was coalesced is sent
//       └──────  off
//
// active: each thread writes to its own lane. coalescing: every thread reports into the coalescer, under the mutex; an
// event that depends on a coalesced one therefore sees the mode and follows it there, so order survives (gate.hpp).
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "shm/coalescer.hpp"
#include "shm/flusher.hpp"
#include "shm/gate.hpp"
#include "shm/lane.hpp"
#include "shm/process_abi.hpp"
#include "shm/segment.hpp"

namespace trackshm::shm {

extern constinit Gate gate;

struct ThisThread {
    ProducerLane lane;
    bool wants_lane = true;  // false: it shares lane 0, because there is none left or the thread is ending
};
// initial-exec: one instruction to reach it, no call to __tls_get_addr, which may allocate.
extern thread_local constinit ThisThread this_thread __attribute__((tls_model("initial-exec")));

// The header's ticket counter, once the mode is active.
extern constinit std::atomic<std::uint64_t>* tickets;

struct Settings {
    bool tracking = false;
    std::string name_space;
    std::uint32_t slots_per_lane = default_slots_per_lane;
    bool drop_on_overflow = false;

    // From the environment; nothing is tracked if a value makes no sense. Ignored in set-user-id programs.
    static Settings from_environment();
};

class Producer {
public:
    // This process's. Made on first use, never destroyed: threads may report during and after exit.
    static Producer& instance() noexcept;

    // Decides between active and off, once. Returns the mode.
    Mode decide() noexcept;

    // The way of an event that could not simply be pushed.
    void report_slowly(const Event& event) noexcept;
    // The way of a device's name: several slots, one report.
    void report_name(std::uint16_t device, const char* name) noexcept;
    void count_rejected() noexcept;

    int sync(std::uint32_t timeout_ms) noexcept;

    // At exit: everything reported goes into the segment, where an aggregator finds it even after this process is gone.
    void finish() noexcept;

    // In a forked child: lets go of everything that is the parent's.
    static void start_over_in_child() noexcept;

private:
    Producer() noexcept = default;

    static void make() noexcept;
    static void forget_parents() noexcept;
    bool start() noexcept;
    bool identify() noexcept;
    bool create_segment() noexcept;
    void fill_header() noexcept;
    void let_go_of_parents() noexcept;

    bool claim_lane() noexcept;
    bool reserve_lane(std::uint32_t lane) noexcept;
    bool reserve_slots(Slot* slots, std::uint64_t count) noexcept;
    bool own_lane_has_room() noexcept;
    bool keep_for_this_thread(std::uint32_t lane) noexcept;
    bool owns_descriptor() const noexcept;
    ProducerLane lane_at(std::uint32_t lane) const noexcept;
    void hand_back_own_lane() noexcept;
    static void at_thread_exit(void* lane_plus_one) noexcept;

    bool report_under_mutex(const Event& event) noexcept;
    bool push_shared(const Event& event, std::uint64_t reports) noexcept;
    bool absorb(const Event& event) noexcept;
    // So many at a time while the process goes on: the mutex is held meanwhile.
    static constexpr std::uint64_t most_slots_at_a_time = 4096;
    bool flush(std::uint64_t max_slots) noexcept;
    template <class Push>
    bool send_coalesced(Push&& push) noexcept;
    static void* flusher_main(void* producer) noexcept;
    bool flush_or_rest(std::uint64_t& rest_ns) noexcept;
    void write_estate() noexcept;

    bool send_mark(std::uint64_t deadline_ns, std::uint64_t& awaited) noexcept;
    bool aggregator_alive() const noexcept;

    ProcessHeader* header() const noexcept { return segment_.at<ProcessHeader>(0); }
    LaneHeader* lane_header(std::uint32_t lane) const noexcept {
        return segment_.at<LaneHeader>(lanes_offset) + lane;
    }

    std::mutex mutex_;  // guards the members below and lane 0
    Settings settings_;
    std::atomic<std::int32_t> owner_pid_{0};
    std::uint64_t nonce_ = 0;
    std::uint64_t boot_id_ = 0;
    std::uint64_t start_ticks_ = 0;
    Segment segment_;
    ProducerLane shared_lane_;
    // Slots of each lane that have storage, from the first on: its owner's, handed on with the lane. Not in the segment,
    // where somebody else could write it. Lane 0 has it all from the beginning: it is what is left when there is no more.
    std::array<std::uint32_t, lane_count> storage_{};
    Coalescer coalescer_;
    Flusher flusher_;
};

}  // namespace trackshm::shm
