// SPDX-License-Identifier: Apache-2.0
//
// The peer "ReaderWriterQueue": moodycamel::ReaderWriterQueue from the thread that reports to a consumer thread of the
// same process, which keeps a map by buffer id. Not between processes: it takes its blocks from the heap and links them
// by pointers. When it is full it takes another block, so the one who reports never waits, and memory is not bounded. A
// process that dies takes what it had not consumed with it. The consumer asks again and again, so nobody is ever woken.
#include <sched.h>

#include <atomic>
#include <thread>

#include <readerwriterqueue/readerwriterqueue.h>

#include "churn_run.hpp"
#include "harness/machine.hpp"
#include "harness/registry.hpp"
#include "peers/live_buffers.hpp"

namespace trackshm::bench {
namespace {

constexpr std::size_t first_block_events = 4096;  // as our ring

class QueueReporter {
public:
    QueueReporter() : consumer_([this](const std::stop_token& stop) { consume(stop); }) {}

    void allocation(std::uint32_t device, std::uint64_t size_bytes, std::uint64_t id) const {
        push({size_bytes, id, 0, device, EventKind::allocation, 0});
    }
    void deallocation(std::uint64_t id) const { push({0, id, 0, 0, EventKind::deallocation, 0}); }
    void settle() const noexcept {
        while (applied_.load(std::memory_order_acquire) != pushed_) sched_yield();
    }
    std::uint64_t applied() const noexcept { return applied_.load(std::memory_order_acquire); }
    std::uint64_t live_buffers() const noexcept { return live_buffers_.load(std::memory_order_relaxed); }

private:
    void push(const PeerEvent& event) const {
        queue_.enqueue(event);  // throws where there is no memory for another block
        ++pushed_;
    }

    void consume(const std::stop_token& stop) {
        pin_to(Core::consumer);
        LiveBuffers buffers;
        PeerEvent event{};
        for (std::uint64_t applied = 0; !stop.stop_requested();) {
            const std::uint64_t before = applied;
            for (; queue_.try_dequeue(event); ++applied) buffers.apply(event);
            if (applied == before) {
                sched_yield();
                continue;
            }
            live_buffers_.store(buffers.count(), std::memory_order_relaxed);
            applied_.store(applied, std::memory_order_release);
        }
    }

    mutable moodycamel::ReaderWriterQueue<PeerEvent> queue_{first_block_events};
    mutable std::uint64_t pushed_ = 0;
    alignas(64) std::atomic<std::uint64_t> applied_{0};
    std::atomic<std::uint64_t> live_buffers_{0};
    std::jthread consumer_;  // last: it ends before the rest is gone
};

Figures churn(const nlohmann::json& arguments) {
    const QueueReporter reporter;
    Figures figures = run_churn(reporter, arguments);
    reporter.settle();
    check_all_arrived(figures, reporter.applied(), reporter.live_buffers());
    return figures;
}

const RegisterRole role({"peer_readerwriterqueue", churn});

}  // namespace
}  // namespace trackshm::bench
