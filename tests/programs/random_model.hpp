// SPDX-License-Identifier: Apache-2.0
//
// The rules of the reports as a model: calls a hook and does to plain counts what the hook must cause.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <utility>
#include <vector>

#include <trackshm/trackshm.h>

namespace trackshm::test {

inline constexpr std::array<std::uint32_t, 6> devices{0, 1, 2, 7, 4000, TRACKSHM_HOST_DEVICE};
inline constexpr std::array<std::uint8_t, 4> types{TRACKSHM_DRAM, TRACKSHM_L1, TRACKSHM_HOST, 9};
using Memory = std::pair<std::uint32_t, std::uint8_t>;  // device, type

// Counts of one thread. A memory's live figures are differences and so may be "negative" here; sums over threads are not.
struct MemoryTally {
    std::uint64_t allocations = 0;
    std::uint64_t allocated_bytes = 0;
    std::uint64_t deallocations = 0;
    std::uint64_t deallocated_bytes = 0;
    std::uint64_t gauge_bytes = 0;
    std::uint64_t peak_bytes = 0;

    std::uint64_t live_bytes() const { return allocated_bytes - deallocated_bytes + gauge_bytes; }
    std::uint64_t live_buffers() const { return allocations - deallocations; }
};

struct Tally {
    std::map<Memory, MemoryTally> memories;
    std::uint64_t reported = 0;
    std::uint64_t unknown_frees = 0;
    std::uint64_t ambiguous_frees = 0;
    std::uint64_t implicit_frees = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t peak_bytes = 0;

    void add(const Tally& other) {
        for (const auto& [memory, from] : other.memories) {
            MemoryTally& to = memories[memory];
            to.allocations += from.allocations;
            to.allocated_bytes += from.allocated_bytes;
            to.deallocations += from.deallocations;
            to.deallocated_bytes += from.deallocated_bytes;
            to.gauge_bytes += from.gauge_bytes;
            to.peak_bytes = std::max(to.peak_bytes, from.peak_bytes);
        }
        reported += other.reported;
        unknown_frees += other.unknown_frees;
        ambiguous_frees += other.ambiguous_frees;
        implicit_frees += other.implicit_frees;
        peak_bytes = std::max(peak_bytes, other.peak_bytes);
    }

    void track_peaks(MemoryTally& memory, std::uint64_t before) {
        live_bytes += memory.live_bytes() - before;
        memory.peak_bytes = std::max(memory.peak_bytes, memory.live_bytes());
        peak_bytes = std::max(peak_bytes, live_bytes);
    }
};

struct Entry {
    Memory memory;
    std::uint64_t size_bytes;
};

// The live entries of one id, the oldest first.
struct Buffer {
    std::mutex handoff;
    std::uint64_t id = 0;
    std::vector<Entry> entries;
};

// The rules of the reports, as a model: each function calls the hook and does to the tally what the hook must cause.
class Model {
public:
    explicit Model(Tally& tally) : tally_(tally) {}

    void allocate(Buffer& buffer, Memory memory, std::uint64_t size_bytes) {
        trackshm_report_allocation(memory.first, size_bytes, memory.second, buffer.id);
        ++tally_.reported;
        const auto old = std::find_if(buffer.entries.begin(), buffer.entries.end(),
                                      [&](const Entry& entry) { return entry.memory == memory; });
        if (old != buffer.entries.end()) {
            ++tally_.implicit_frees;
            release(buffer, old);
        }
        buffer.entries.push_back({memory, size_bytes});
        MemoryTally& counts = tally_.memories[memory];
        const std::uint64_t before = counts.live_bytes();
        ++counts.allocations;
        counts.allocated_bytes += size_bytes;
        tally_.track_peaks(counts, before);
    }

    void free_by_id(Buffer& buffer) {
        trackshm_report_deallocation(buffer.id);
        if (buffer.entries.size() > 1) ++tally_.ambiguous_frees;
        release_oldest(buffer, [](const Entry&) { return true; });
    }

    void free_on(Buffer& buffer, std::uint32_t device) {
        trackshm_report_deallocation_on(device, buffer.id);
        release_oldest(buffer, [&](const Entry& entry) { return entry.memory.first == device; });
    }

    void free_of(Buffer& buffer, Memory memory) {
        trackshm_report_deallocation_of(memory.first, memory.second, buffer.id);
        release_oldest(buffer, [&](const Entry& entry) { return entry.memory == memory; });
    }

    void free_all(Buffer& buffer) {
        trackshm_report_deallocation_all(buffer.id);
        ++tally_.reported;
        if (buffer.entries.empty()) ++tally_.unknown_frees;
        while (!buffer.entries.empty()) release(buffer, buffer.entries.begin());
    }

    void close_device(std::vector<Buffer>& buffers, std::uint32_t device) {
        trackshm_report_device_closed(device);
        ++tally_.reported;
        for (Buffer& buffer : buffers) {
            for (auto entry = buffer.entries.begin(); entry != buffer.entries.end();) {
                entry = entry->memory.first == device ? release(buffer, entry) : entry + 1;
            }
        }
        for (auto& [memory, counts] : tally_.memories) {
            if (memory.first == device) set_gauge(counts, 0);
        }
    }

    void use(Memory memory, std::uint64_t bytes) {
        trackshm_report_usage(memory.first, memory.second, bytes);
        ++tally_.reported;
        set_gauge(tally_.memories[memory], bytes);
    }

private:
    std::vector<Entry>::iterator release(Buffer& buffer, std::vector<Entry>::iterator entry) {
        MemoryTally& counts = tally_.memories[entry->memory];
        ++counts.deallocations;
        counts.deallocated_bytes += entry->size_bytes;
        tally_.live_bytes -= entry->size_bytes;
        return buffer.entries.erase(entry);
    }

    template <class Predicate>
    void release_oldest(Buffer& buffer, Predicate&& matches) {
        ++tally_.reported;
        const auto entry = std::find_if(buffer.entries.begin(), buffer.entries.end(), matches);
        if (entry == buffer.entries.end()) {
            ++tally_.unknown_frees;
        } else {
            release(buffer, entry);
        }
    }

    void set_gauge(MemoryTally& counts, std::uint64_t bytes) {
        const std::uint64_t before = counts.live_bytes();
        counts.gauge_bytes = bytes;
        tally_.track_peaks(counts, before);
    }

    Tally& tally_;
};

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
    Memory memory() { return {devices[below(devices.size())], types[below(types.size())]}; }
    std::uint64_t size_bytes() { return below(8) == 0 ? 0 : below(std::uint64_t{1} << (8 + below(24))); }

private:
    std::mt19937_64 engine_;
};

}  // namespace trackshm::test
