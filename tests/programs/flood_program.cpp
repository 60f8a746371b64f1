// SPDX-License-Identifier: Apache-2.0
//
// A tracked process that reports as fast as it can, for as long as a test lets it, and knows what the counters must be.
//
//   flood_program THREADS SEED
//
// Each thread takes a buffer at random: one that is live it frees, by one of the four ways there are, another it
// allocates. Buffers go from thread to thread; each has a lock, so reports of one are ordered and those of two are not.
// Now and then a thread frees what nobody allocated, or sets its gauge. No free is ever forgotten: then the totals are
// exact however long nobody drains.
//
// Reads commands from standard input, one per line:
//
//   start    lets the threads loose; answers "ok"
//   count    answers with the number of reports so far
//   stop     joins them; answers "ok"
//   truth    waits until all is published; answers with one line of JSON (see tests/support/truth.hpp)
//   times    answers with the time hooks took, as a line of JSON
//
// and returns from main at its end.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <trackshm/trackshm.h>

namespace {

using nlohmann::json;

constexpr std::uint32_t buffer_count = 4096;
constexpr std::uint32_t sync_timeout_ms = 60000;
constexpr std::array<std::uint32_t, 3> devices{0, 3, 4000};
constexpr std::array<std::uint8_t, 2> types{TRACKSHM_DRAM, TRACKSHM_L1};
constexpr std::uint32_t first_gauge_device = 100;  // one per thread
constexpr std::uint64_t first_unknown_id = 0x8000'0000'0000'0000;

// How long calls took: eight buckets for every power of two of nanoseconds.
class Times {
public:
    void add(std::uint64_t time_ns) {
        longest_ns_ = std::max(longest_ns_, time_ns);
        ++buckets_[bucket_of(time_ns)];
    }
    void add(const Times& other) {
        longest_ns_ = std::max(longest_ns_, other.longest_ns_);
        for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    }
    std::uint64_t longest_ns() const { return longest_ns_; }
    // The upper end of the bucket that holds the p-th part of all.
    std::uint64_t percentile_ns(double part) const {
        std::uint64_t all = 0;
        for (const std::uint64_t count : buckets_) all += count;
        auto left = static_cast<std::uint64_t>(part * static_cast<double>(all));
        std::size_t bucket = 0;
        while (bucket + 1 < buckets_.size() && left >= buckets_[bucket]) left -= buckets_[bucket++];
        return lower_end_of(bucket + 1);
    }

private:
    static std::size_t bucket_of(std::uint64_t time_ns) {
        if (time_ns < 8) return time_ns;
        const auto power = static_cast<std::size_t>(std::bit_width(time_ns)) - 4;  // of the lowest of the four top bits
        return power * 8 + (time_ns >> power);
    }
    static std::uint64_t lower_end_of(std::size_t bucket) {
        if (bucket < 16) return bucket;
        const std::size_t power = bucket / 8 - 1;
        return (8 + bucket % 8) << power;
    }

    std::array<std::uint64_t, 64 * 8> buckets_{};
    std::uint64_t longest_ns_ = 0;
};

struct Totals {
    std::uint64_t allocations = 0;
    std::uint64_t allocated_bytes = 0;
    std::uint64_t deallocations = 0;
    std::uint64_t deallocated_bytes = 0;
};

// What one thread did; written by it alone.
struct alignas(128) Tally {
    std::array<Totals, devices.size() * types.size()> memories;
    std::uint64_t unknown_frees = 0;
    std::uint64_t gauge_bytes = 0;
    std::atomic<std::uint64_t> reported{0};
    Times times;
};

struct Buffer {
    std::mutex handoff;
    bool live = false;
    std::uint32_t memory = 0;  // index in Tally::memories
    std::uint64_t size_bytes = 0;
};

std::uint32_t device_of(std::uint32_t memory) { return devices[memory / types.size()]; }
std::uint8_t type_of(std::uint32_t memory) { return types[memory % types.size()]; }

class Flood {
public:
    Flood(std::uint32_t threads, std::uint64_t seed)
        : seed_(seed), tallies_(threads), buffers_(std::make_unique<Buffer[]>(buffer_count)) {}

    void start() {
        stop_ = false;
        for (std::uint32_t i = 0; i < tallies_.size(); ++i) threads_.emplace_back([this, i] { work(i); });
    }
    void stop() {
        stop_ = true;
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
    }
    std::uint64_t reported() const {
        std::uint64_t sum = 0;
        for (const Tally& tally : tallies_) sum += tally.reported;
        return sum;
    }

    json truth() const {
        json memories = json::array();
        for (std::uint32_t memory = 0; memory < devices.size() * types.size(); ++memory) {
            Totals sum;
            for (const Tally& tally : tallies_) {
                sum.allocations += tally.memories[memory].allocations;
                sum.allocated_bytes += tally.memories[memory].allocated_bytes;
                sum.deallocations += tally.memories[memory].deallocations;
                sum.deallocated_bytes += tally.memories[memory].deallocated_bytes;
            }
            if (sum.allocations != 0) memories.push_back(row(device_of(memory), type_of(memory), sum, 0));
        }
        std::uint64_t unknown_frees = 0;
        for (std::uint32_t thread = 0; thread < tallies_.size(); ++thread) {
            unknown_frees += tallies_[thread].unknown_frees;
            const std::uint64_t gauge_bytes = tallies_[thread].gauge_bytes;
            if (gauge_bytes == 0) continue;
            memories.push_back(row(first_gauge_device + thread, TRACKSHM_CIRCULAR_BUFFER, {}, gauge_bytes));
        }
        return {{"pid", getpid()},      {"reported", reported()}, {"unknown_frees", unknown_frees},
                {"ambiguous_frees", 0}, {"implicit_frees", 0},    {"memories", memories}};
    }

    json times() const {
        Times all;
        for (const Tally& tally : tallies_) all.add(tally.times);
        return {{"longest_ns", all.longest_ns()},
                {"p50_ns", all.percentile_ns(0.5)},
                {"p99_9_ns", all.percentile_ns(0.999)}};
    }

private:
    static json row(std::uint32_t device, std::uint8_t type, const Totals& totals, std::uint64_t gauge_bytes) {
        return {{"device", device},
                {"type", type},
                {"live_bytes", totals.allocated_bytes - totals.deallocated_bytes + gauge_bytes},
                {"live_buffers", totals.allocations - totals.deallocations},
                {"allocations_total", totals.allocations},
                {"allocated_bytes_total", totals.allocated_bytes},
                {"deallocations_total", totals.deallocations},
                {"deallocated_bytes_total", totals.deallocated_bytes}};
    }

    void work(std::uint32_t thread) {
        Tally& tally = tallies_[thread];
        std::mt19937_64 random(seed_ * 1000 + thread + ++starts_ * 100);
        while (!stop_.load(std::memory_order_relaxed)) {
            const std::uint64_t bits = random();
            if (bits % 64 == 0) {
                report(tally, [&] { trackshm_report_deallocation(first_unknown_id + (bits >> 8) % 16); });
                ++tally.unknown_frees;
            } else if (bits % 64 == 1) {
                tally.gauge_bytes = 1 + (bits >> 8) % 65536;
                report(tally, [&] {
                    trackshm_report_usage(first_gauge_device + thread, TRACKSHM_CIRCULAR_BUFFER, tally.gauge_bytes);
                });
            } else {
                use(tally, (bits >> 8) % buffer_count, bits >> 32);
            }
        }
    }

    void use(Tally& tally, std::uint64_t id, std::uint64_t bits) {
        Buffer& buffer = buffers_[id];
        const std::lock_guard lock(buffer.handoff);
        if (buffer.live) {
            free(tally, buffer, id, bits % 4);
        } else {
            buffer.memory = static_cast<std::uint32_t>(bits % tally.memories.size());
            buffer.size_bytes = (bits >> 8) % 1'000'000;
            report(tally, [&] {
                trackshm_report_allocation(device_of(buffer.memory), buffer.size_bytes, type_of(buffer.memory), id);
            });
            tally.memories[buffer.memory].allocations += 1;
            tally.memories[buffer.memory].allocated_bytes += buffer.size_bytes;
        }
        buffer.live = !buffer.live;
    }

    static void free(Tally& tally, const Buffer& buffer, std::uint64_t id, std::uint64_t way) {
        const std::uint32_t device = device_of(buffer.memory);
        switch (way) {
            case 0:
                report(tally, [&] { trackshm_report_deallocation(id); });
                break;
            case 1:
                report(tally, [&] { trackshm_report_deallocation_on(device, id); });
                break;
            case 2:
                report(tally, [&] { trackshm_report_deallocation_of(device, type_of(buffer.memory), id); });
                break;
            default:
                report(tally, [&] { trackshm_report_deallocation_all(id); });
                break;
        }
        tally.memories[buffer.memory].deallocations += 1;
        tally.memories[buffer.memory].deallocated_bytes += buffer.size_bytes;
    }

    template <class Call>
    static void report(Tally& tally, Call&& call) {
        const auto start = std::chrono::steady_clock::now();
        call();
        const std::chrono::nanoseconds time = std::chrono::steady_clock::now() - start;
        tally.times.add(static_cast<std::uint64_t>(time.count()));
        tally.reported.store(tally.reported.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    std::uint64_t seed_;
    std::atomic<std::uint64_t> starts_{0};
    std::atomic<bool> stop_{false};
    std::vector<Tally> tallies_;
    std::unique_ptr<Buffer[]> buffers_;
    std::vector<std::thread> threads_;
};

std::string execute(Flood& flood, const std::string& command) {
    if (command == "start") {
        flood.start();
    } else if (command == "stop") {
        flood.stop();
    } else if (command == "count") {
        return std::to_string(flood.reported());
    } else if (command == "times") {
        return flood.times().dump();
    } else if (command == "truth") {
        const int result = trackshm_sync(sync_timeout_ms);
        return result == TRACKSHM_SYNC_DONE ? flood.truth().dump() : "trackshm_sync returned " + std::to_string(result);
    } else {
        return "error unknown command " + command;
    }
    return "ok";
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: flood_program THREADS SEED\n";
        return 2;
    }
    Flood flood(static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 0)), std::strtoull(argv[2], nullptr, 0));
    for (std::string command; std::getline(std::cin, command);) std::cout << execute(flood, command) << std::endl;
    return 0;
}
