// SPDX-License-Identifier: Apache-2.0
//
// What reports to the peer "counters in place"; see locked_counters.cpp.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <stdexcept>
#include <unordered_map>

namespace trackshm::bench {

struct LockedCounter {
    std::atomic<std::uint64_t> live_bytes{0};
    std::atomic<std::uint64_t> live_buffers{0};
    std::atomic<std::uint64_t> peak_bytes{0};

    void add(std::uint64_t size_bytes) noexcept {
        const std::uint64_t live = live_bytes.fetch_add(size_bytes, std::memory_order_relaxed) + size_bytes;
        live_buffers.fetch_add(1, std::memory_order_relaxed);
        std::uint64_t peak = peak_bytes.load(std::memory_order_relaxed);
        while (peak < live && !peak_bytes.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
        }
    }
    void subtract(std::uint64_t size_bytes) noexcept {
        live_bytes.fetch_sub(size_bytes, std::memory_order_relaxed);
        live_buffers.fetch_sub(1, std::memory_order_relaxed);
    }
};

struct SharedCounters {
    alignas(64) LockedCounter devices[8];
    alignas(64) LockedCounter process[8];  // what this process holds on each device
};

class CountersReporter {
public:
    CountersReporter() {
        void* const memory =
            mmap(nullptr, sizeof(SharedCounters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no shared memory for the counters");
        counters_ = new (memory) SharedCounters;
    }
    CountersReporter(const CountersReporter&) = delete;
    CountersReporter& operator=(const CountersReporter&) = delete;
    ~CountersReporter() { munmap(counters_, sizeof(SharedCounters)); }

    void allocation(std::uint32_t device, std::uint64_t size_bytes, std::uint64_t id) const {
        const std::lock_guard lock(mutex_);
        live_[id] = {size_bytes, device};
        counters_->devices[device % 8].add(size_bytes);
        counters_->process[device % 8].add(size_bytes);
        ++applied_;
    }
    void deallocation(std::uint64_t id) const {
        const std::lock_guard lock(mutex_);
        const auto found = live_.find(id);
        if (found == live_.end()) return;
        counters_->devices[found->second.device % 8].subtract(found->second.size_bytes);
        counters_->process[found->second.device % 8].subtract(found->second.size_bytes);
        live_.erase(found);
        ++applied_;
    }
    void settle() const noexcept {}

    std::uint64_t applied() const noexcept { return applied_; }
    std::uint64_t live_buffers() const noexcept {
        std::uint64_t sum = 0;
        for (const LockedCounter& device : counters_->devices)
            sum += device.live_buffers.load(std::memory_order_relaxed);
        return sum;
    }

private:
    struct Buffer {
        std::uint64_t size_bytes;
        std::uint32_t device;
    };
    mutable std::mutex mutex_;
    mutable std::unordered_map<std::uint64_t, Buffer> live_;
    mutable std::uint64_t applied_ = 0;
    SharedCounters* counters_;
};

}  // namespace trackshm::bench
