// SPDX-License-Identifier: Apache-2.0
//
// The peer "boost spsc_queue": boost::lockfree::spsc_queue of 4096 events with its storage inside, in memory that two
// processes share, from the process that reports to a consumer process that keeps a map by buffer id. When the queue is
// full the one who reports waits: the queue knows nothing else to do. The consumer asks again and again, so nobody is
// ever woken. One producer thread: several would need a queue each, and then nothing would say which event came first.
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <new>
#include <stdexcept>

#include <boost/lockfree/spsc_queue.hpp>

#include "churn_run.hpp"
#include "harness/machine.hpp"
#include "harness/registry.hpp"
#include "peers/live_buffers.hpp"

namespace trackshm::bench {
namespace {

constexpr std::size_t queue_events = 4096;  // as our ring

struct Shared {
    boost::lockfree::spsc_queue<PeerEvent, boost::lockfree::capacity<queue_events>> queue;
    alignas(64) std::atomic<std::uint64_t> applied{0};
    std::atomic<std::uint64_t> live_buffers{0};
};

[[noreturn]] void consume(Shared& shared) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to(Core::consumer);
    LiveBuffers buffers;
    for (std::uint64_t applied = 0;;) {
        const std::size_t count = shared.queue.consume_all([&](const PeerEvent& event) { buffers.apply(event); });
        if (count == 0) {
            sched_yield();
            continue;
        }
        applied += count;
        shared.live_buffers.store(buffers.count(), std::memory_order_relaxed);
        shared.applied.store(applied, std::memory_order_release);
    }
}

class QueueReporter {
public:
    QueueReporter() {
        void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no shared memory for the queue");
        shared_ = new (memory) Shared;
        consumer_ = fork();
        if (consumer_ < 0) throw std::runtime_error("no consumer process");
        if (consumer_ == 0) consume(*shared_);
    }
    QueueReporter(const QueueReporter&) = delete;
    QueueReporter& operator=(const QueueReporter&) = delete;
    ~QueueReporter() {
        kill(consumer_, SIGKILL);
        waitpid(consumer_, nullptr, 0);
        munmap(shared_, sizeof(Shared));
    }

    void allocation(std::uint32_t device, std::uint64_t size_bytes, std::uint64_t id) const noexcept {
        push({size_bytes, id, 0, device, EventKind::allocation, 0});
    }
    void deallocation(std::uint64_t id) const noexcept { push({0, id, 0, 0, EventKind::deallocation, 0}); }
    void settle() const noexcept {
        while (shared_->applied.load(std::memory_order_acquire) != pushed_) sched_yield();
    }
    std::uint64_t applied() const noexcept { return shared_->applied.load(std::memory_order_acquire); }
    std::uint64_t live_buffers() const noexcept { return shared_->live_buffers.load(std::memory_order_relaxed); }

private:
    void push(const PeerEvent& event) const noexcept {
        while (!shared_->queue.push(event)) sched_yield();
        ++pushed_;
    }

    Shared* shared_;
    pid_t consumer_;
    mutable std::uint64_t pushed_ = 0;
};

Figures churn(const nlohmann::json& arguments) {
    const QueueReporter reporter;
    Figures figures = run_churn(reporter, arguments);
    reporter.settle();
    check_all_arrived(figures, reporter.applied(), reporter.live_buffers());
    return figures;
}

const RegisterRole role({"peer_spsc_queue", churn});

}  // namespace
}  // namespace trackshm::bench
