// SPDX-License-Identifier: Apache-2.0
//
// The event sequences that several benchmarks share, and the reporters that receive them.
#pragma once

#include <cstdint>

#include <trackshm/trackshm.hpp>

#include "harness/experiment.hpp"

namespace trackshm::bench {

// What a runtime reports to. Each peer in peers/ has one of its own with the same members.
struct HookReporter {
    void allocation(std::uint32_t device, std::uint64_t size_bytes, std::uint64_t id) const noexcept {
        trackshm_report_allocation(device, size_bytes, TRACKSHM_DRAM, id);
    }
    void deallocation(std::uint64_t id) const noexcept { trackshm_report_deallocation(id); }
    // Waits until everything reported so far has arrived.
    void settle() const { sync_or_throw(); }
};

// Buffers in the order of their birth. Ids look like device addresses: page-aligned, scattered, and used again after
// `id_count` allocations; so fewer than that may be live at a time.
class BufferSequence {
public:
    // Room for `live_buffers` at a time.
    explicit BufferSequence(std::uint64_t live_buffers) noexcept {
        while (mask_ + 1 < 2 * live_buffers) mask_ = 2 * mask_ + 1;
    }

    std::uint64_t id(std::uint64_t ordinal) const noexcept {
        // An odd factor permutes the integers below a power of two.
        return ((ordinal * 0x9e3779b97f4a7c15) & mask_) << 12;
    }
    static std::uint32_t device(std::uint64_t ordinal) noexcept { return static_cast<std::uint32_t>(ordinal % 8); }
    static std::uint64_t size_bytes(std::uint64_t ordinal) noexcept { return 4096 * (1 + ordinal % 61); }

    template <class Reporter>
    void allocate(const Reporter& reporter, std::uint64_t ordinal) const {
        reporter.allocation(device(ordinal), size_bytes(ordinal), id(ordinal));
    }
    template <class Reporter>
    void free(const Reporter& reporter, std::uint64_t ordinal) const {
        reporter.deallocation(id(ordinal));
    }

private:
    std::uint64_t mask_ = 0xff;
};

// Every buffer is freed right after it was allocated: two events a pair.
class Pairs {
public:
    explicit Pairs(std::uint64_t first_ordinal) noexcept : sequence_(live_buffers), next_(first_ordinal) {}

    template <class Reporter>
    void report(const Reporter& reporter, std::uint64_t count) {
        for (const std::uint64_t end = next_ + count; next_ != end; ++next_) {
            sequence_.allocate(reporter, next_);
            sequence_.free(reporter, next_);
        }
    }

private:
    static constexpr std::uint64_t live_buffers = 4096;
    BufferSequence sequence_;
    std::uint64_t next_;
};

// A constant number of buffers lives; every turn frees the oldest and allocates another: two events.
class Churn {
public:
    explicit Churn(std::uint64_t live_buffers) noexcept : sequence_(live_buffers + 1), live_buffers_(live_buffers) {}

    // Allocates the buffers of ordinal [from, to), which are at most the first `live_buffers`.
    template <class Reporter>
    void preload(const Reporter& reporter, std::uint64_t from, std::uint64_t to) const {
        for (std::uint64_t ordinal = from; ordinal < to; ++ordinal) sequence_.allocate(reporter, ordinal);
    }
    template <class Reporter>
    void turns(const Reporter& reporter, std::uint64_t count) {
        for (const std::uint64_t end = oldest_ + count; oldest_ != end; ++oldest_) {
            sequence_.free(reporter, oldest_);
            sequence_.allocate(reporter, oldest_ + live_buffers_);
        }
    }
    // Frees what is left, `count` at a time until it returns false.
    template <class Reporter>
    bool unload(const Reporter& reporter, std::uint64_t count) {
        for (; count != 0 && freed_ != live_buffers_; --count, ++freed_) sequence_.free(reporter, oldest_ + freed_);
        return freed_ != live_buffers_;
    }

private:
    BufferSequence sequence_;
    std::uint64_t live_buffers_;
    std::uint64_t oldest_ = 0;
    std::uint64_t freed_ = 0;
};

inline constexpr std::uint64_t events_per_batch = 64;
inline constexpr std::uint64_t pairs_per_batch = events_per_batch / 2;

// Small beside the default ring of 4096, so that a burst never fills it.
inline constexpr std::uint64_t batches_per_burst = 16;
inline constexpr std::uint64_t events_per_burst = batches_per_burst * events_per_batch;

// Live buffers of the Llama-sized churn that the sustained benchmarks report: a small live set, a high turnover.
inline constexpr std::uint64_t churn_live_buffers = 384;

}  // namespace trackshm::bench
