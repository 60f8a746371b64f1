// SPDX-License-Identifier: Apache-2.0
//
// A tracked process that reports at random from eight threads and knows what the counters must be in the end.
//
//   random_workload MODE SEED OPERATIONS_PER_THREAD
//
//   ordered   every hook is called under one mutex, and so every kind of report has a defined outcome
//   handoff   each id has a lock of its own: reports of one id are ordered by its handoff from thread to thread,
//             reports of different ids run at once. Without device_closed, which concerns all ids.
//
// Prints the truth as one line of JSON once everything is published, and lives on until its input ends.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <trackshm/trackshm.h>

namespace {

constexpr std::uint32_t thread_count = 8;
constexpr std::uint32_t id_count = 48;
constexpr std::uint32_t sync_timeout_ms = 30000;
constexpr std::array<std::uint32_t, 6> devices{0, 1, 2, 7, 4000, TRACKSHM_HOST_DEVICE};
constexpr std::array<std::uint8_t, 4> types{TRACKSHM_DRAM, TRACKSHM_L1, TRACKSHM_HOST, 9};
constexpr std::uint32_t first_gauge_device = 100;  // one per thread in handoff mode

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

// One report that concerns one id.
void report_of_buffer(Model& model, Buffer& buffer, Random& random) {
    switch (random.below(10)) {
        case 0: model.free_on(buffer, random.memory().first); break;
        case 1: model.free_of(buffer, random.memory()); break;
        case 2: model.free_all(buffer); break;
        case 3:
        case 4: model.free_by_id(buffer); break;
        default: model.allocate(buffer, random.memory(), random.size_bytes()); break;
    }
}

std::vector<Buffer> make_buffers() {
    std::vector<Buffer> buffers(id_count);
    for (std::uint32_t i = 0; i < id_count; ++i) {
        // Plain small ids, 0 included, page-aligned ones and ones with all bits in use.
        buffers[i].id = i % 3 == 0 ? i : i % 3 == 1 ? i * 4096ull : ~(i * 0x9e3779b97f4a7c15ull);
    }
    return buffers;
}

void run_ordered(std::vector<Buffer>& buffers, Tally& total, std::uint64_t seed, std::uint64_t operations) {
    std::mutex order;
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 0; thread < thread_count; ++thread) {
        threads.emplace_back([&, thread] {
            Random random(seed * thread_count + thread);
            Model model(total);
            for (std::uint64_t i = 0; i < operations; ++i) {
                const std::lock_guard lock(order);
                const std::uint64_t kind = random.below(200);
                if (kind == 0) {
                    model.close_device(buffers, random.memory().first);
                } else if (kind < 8) {
                    model.use(random.memory(), random.size_bytes());
                } else {
                    report_of_buffer(model, buffers[random.below(buffers.size())], random);
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

void run_handoff(std::vector<Buffer>& buffers, Tally& total, std::uint64_t seed, std::uint64_t operations) {
    std::vector<Tally> tallies(thread_count);
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 0; thread < thread_count; ++thread) {
        threads.emplace_back([&, thread] {
            Random random(seed * thread_count + thread);
            Model model(tallies[thread]);
            for (std::uint64_t i = 0; i < operations; ++i) {
                if (random.below(50) == 0) {
                    model.use({first_gauge_device + thread, TRACKSHM_CIRCULAR_BUFFER}, random.size_bytes());
                    continue;
                }
                Buffer& buffer = buffers[random.below(buffers.size())];
                const std::lock_guard lock(buffer.handoff);
                report_of_buffer(model, buffer, random);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Tally& tally : tallies) total.add(tally);
}

void print_member(std::string_view name, std::uint64_t value) { std::cout << '"' << name << "\":" << value << ','; }

// There may be none just now: tests kill it.
int sync_with_next_aggregator() {
    for (int tries = 0; tries < 1000; ++tries) {
        const int result = trackshm_sync(sync_timeout_ms);
        if (result != TRACKSHM_SYNC_NO_AGGREGATOR) return result;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return TRACKSHM_SYNC_NO_AGGREGATOR;
}

// Peaks are known only where the order of all reports is.
void print_truth(const Tally& tally, bool peaks_known) {
    std::cout << '{';
    print_member("pid", static_cast<std::uint64_t>(getpid()));
    print_member("reported", tally.reported);
    print_member("unknown_frees", tally.unknown_frees);
    print_member("ambiguous_frees", tally.ambiguous_frees);
    print_member("implicit_frees", tally.implicit_frees);
    if (peaks_known) print_member("peak_bytes", tally.peak_bytes);
    std::cout << "\"memories\":[";
    const char* separator = "";
    for (const auto& [memory, counts] : tally.memories) {
        std::cout << std::exchange(separator, ",") << '{';
        print_member("live_bytes", counts.live_bytes());
        print_member("live_buffers", counts.live_buffers());
        print_member("allocations_total", counts.allocations);
        print_member("allocated_bytes_total", counts.allocated_bytes);
        print_member("deallocations_total", counts.deallocations);
        print_member("deallocated_bytes_total", counts.deallocated_bytes);
        if (peaks_known) print_member("peak_bytes", counts.peak_bytes);
        print_member("device", memory.first);
        std::cout << "\"type\":" << unsigned{memory.second} << '}';
    }
    std::cout << "]}" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "usage: random_workload ordered|handoff SEED OPERATIONS_PER_THREAD\n";
        return 2;
    }
    const bool ordered = std::string_view(argv[1]) == "ordered";
    const std::uint64_t seed = std::strtoull(argv[2], nullptr, 0);
    const std::uint64_t operations = std::strtoull(argv[3], nullptr, 0);

    std::vector<Buffer> buffers = make_buffers();
    Tally total;
    (ordered ? run_ordered : run_handoff)(buffers, total, seed, operations);
    if (const int result = sync_with_next_aggregator(); result != TRACKSHM_SYNC_DONE) {
        std::cout << "trackshm_sync returned " << result << std::endl;
        return 1;
    }
    print_truth(total, ordered);
    std::cin.ignore(1 << 20);  // until its end
    return 0;
}
