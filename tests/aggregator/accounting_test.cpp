// SPDX-License-Identifier: Apache-2.0
//
// Who holds what at a device's peak, the peaks of intervals and the size histogram, against a model that writes all of it
// down at every event.
#include "aggregator/accounting.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "aggregator/accounted.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

using Pid = std::int32_t;
using Share = std::pair<Pid, unsigned>;  // process and type
using Shares = std::map<Share, std::uint64_t>;
using Classes = std::array<std::uint64_t, size_class_count>;
using Place = std::pair<unsigned, unsigned>;  // device and type

class Model {
public:
    void apply(Pid pid, const Event& event) {
        Process& process = processes_[pid];
        const Place place{event.device, event.type};
        switch (event.kind) {
            case EventKind::allocation:
                std::erase_if(process.buffers, [&](const Buffer& b) {
                    const bool replaced = b.id == event.id && b.place == place;
                    if (replaced) release(pid, b);
                    return replaced;
                });
                process.buffers.push_back({event.id, place, event.size});
                ++allocated_[place][class_of(event.size)];
                add(pid, place, event.size);
                break;
            case EventKind::free_by_id: free_first(pid, event.id); break;
            case EventKind::free_all:
                while (free_first(pid, event.id)) {
                }
                break;
            case EventKind::usage: set_gauge(pid, place, event.size); break;
            case EventKind::device_closed: close(pid, event.device); break;
            default: throw std::logic_error("the model knows no such event");
        }
    }

    void end(Pid pid) {
        std::set<unsigned> devices;
        for (const auto& entry : devices_) devices.insert(entry.first);
        for (const unsigned device : devices) close(pid, device);
        processes_.erase(pid);
    }

    void begin_interval(unsigned device) { devices_[device].interval_peak = devices_[device].live; }

    std::uint64_t peak(unsigned device) { return devices_[device].peak; }
    std::uint64_t interval_peak(unsigned device) { return devices_[device].interval_peak; }
    const Shares& shares_at_peak(unsigned device) { return devices_[device].at_peak; }
    const Classes& allocated(Place place) { return allocated_[place]; }
    Classes live(Place place) const {
        Classes classes{};
        for (const auto& entry : processes_) {
            for (const Buffer& b : entry.second.buffers) {
                if (b.place == place) ++classes[class_of(b.size)];
            }
        }
        return classes;
    }

private:
    struct Buffer {
        std::uint64_t id;
        Place place;
        std::uint64_t size;
    };
    struct Process {
        std::vector<Buffer> buffers;  // oldest first
        std::map<Place, std::uint64_t> gauges;
    };
    struct Device {
        std::uint64_t live = 0, peak = 0, interval_peak = 0;
        Shares shares;
        Shares at_peak;
    };

    // Not by counting bits: by its definition.
    static std::size_t class_of(std::uint64_t size) {
        std::size_t c = 0;
        while (c + 1 < size_class_count && (std::uint64_t{1} << c) < size) ++c;
        return c;
    }

    void add(Pid pid, Place place, std::uint64_t bytes) {
        Device& device = devices_[place.first];
        device.live += bytes;
        device.shares[{pid, place.second}] += bytes;
        device.interval_peak = std::max(device.interval_peak, device.live);
        if (device.live <= device.peak) return;
        device.peak = device.live;
        device.at_peak = device.shares;
        std::erase_if(device.at_peak, [](const auto& share) { return share.second == 0; });
    }
    void subtract(Pid pid, Place place, std::uint64_t bytes) {
        devices_[place.first].live -= bytes;
        devices_[place.first].shares[{pid, place.second}] -= bytes;
    }
    void release(Pid pid, const Buffer& buffer) { subtract(pid, buffer.place, buffer.size); }
    bool free_first(Pid pid, std::uint64_t id) {
        std::vector<Buffer>& buffers = processes_[pid].buffers;
        const auto first = std::find_if(buffers.begin(), buffers.end(), [&](const Buffer& b) { return b.id == id; });
        if (first == buffers.end()) return false;
        release(pid, *first);
        buffers.erase(first);
        return true;
    }
    void set_gauge(Pid pid, Place place, std::uint64_t bytes) {
        const std::uint64_t before = std::exchange(processes_[pid].gauges[place], bytes);
        if (bytes >= before) {
            add(pid, place, bytes - before);
        } else {
            subtract(pid, place, before - bytes);
        }
    }
    void close(Pid pid, unsigned device) {
        std::erase_if(processes_[pid].buffers, [&](const Buffer& b) {
            if (b.place.first == device) release(pid, b);
            return b.place.first == device;
        });
        for (auto& [place, bytes] : processes_[pid].gauges) {
            if (place.first == device) set_gauge(pid, place, 0);
        }
    }

    std::map<Pid, Process> processes_;
    std::map<unsigned, Device> devices_;
    std::map<Place, Classes> allocated_;
};

constexpr unsigned device_count = 2;
constexpr unsigned type_span = 3;

// A sum that can be compared although the list of ended holders is bounded.
std::uint64_t sum_of(const Shares& shares) {
    std::uint64_t sum = 0;
    for (const auto& share : shares) sum += share.second;
    return sum;
}

class Comparison {
public:
    void add_process(Pid pid) { processes_[pid] = accounted_.make_process(pid); }

    void apply(Pid pid, const std::vector<Event>& events) {
        accounted_.apply(*processes_.at(pid), events);
        for (const Event& event : events) model_.apply(pid, event);
    }
    void apply_and_roll_back(Pid pid, const std::vector<Event>& events) {
        accounted_.apply_and_roll_back(*processes_.at(pid), events);
    }
    void end(Pid pid) {
        accounted_.end(*processes_.at(pid));
        processes_.erase(pid);
        model_.end(pid);
    }
    void begin_interval(unsigned device) {
        const std::uint32_t slot = accounted_.ledger().slot_of(static_cast<std::uint16_t>(device));
        if (slot == Ledger::none) return;
        accounted_.ledger().begin_interval(slot);
        model_.begin_interval(device);
    }

    void check() {
        for (unsigned device = 0; device < device_count; ++device) {
            const std::uint32_t slot = accounted_.ledger().slot_of(static_cast<std::uint16_t>(device));
            if (slot == Ledger::none) continue;
            const DeviceAccount& account = accounted_.ledger().device(slot);
            REQUIRE(account.peak_bytes == model_.peak(device));
            REQUIRE(account.interval_peak_bytes == model_.interval_peak(device));
            check_shares(device, slot);
            for (unsigned type = 0; type < type_span; ++type) check_classes({device, type}, slot);
        }
    }

private:
    void check_shares(unsigned device, std::uint32_t slot) {
        const DeviceAccount& account = accounted_.ledger().device(slot);
        const EndedHolders& ended = accounted_.ledger().annex(slot)->ended;
        Shares shares;
        for (const auto& [pid, process] : processes_) {
            for (unsigned type = 0; type < type_span; ++type) {
                const UsageCell* const cell = process->find_usage(slot, type);
                const std::uint64_t share = cell == nullptr ? 0 : share_of_peak(*cell, account);
                if (share != 0) shares[{pid, type}] = share;
            }
        }
        const bool is_current = ended.epoch == account.peak_epoch;
        const std::uint64_t count = is_current ? ended.count : 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            const HolderRow& holder = ended.holders[i];
            REQUIRE(holder.ended == 1);
            shares[{holder.pid, holder.type}] = holder.bytes;
        }
        if (count < stats::max_peak_holders) {
            REQUIRE(shares == model_.shares_at_peak(device));
            REQUIRE(sum_of(shares) == account.peak_bytes);
            return;
        }
        for (const auto& [holder, bytes] : shares) REQUIRE(model_.shares_at_peak(device).at(holder) == bytes);
    }

    void check_classes(Place place, std::uint32_t slot) {
        Classes live{};
        for (const auto& entry : processes_) {
            const UsageCell* const cell = entry.second->find_usage(slot, place.second);
            if (cell == nullptr) continue;
            for (std::size_t c = 0; c < live.size(); ++c) live[c] += cell->live_by_class[c];
        }
        REQUIRE(live == model_.live(place));
        const auto& allocated = accounted_.ledger().annex(slot)->classes[place.second].allocated;
        REQUIRE(std::equal(std::begin(allocated), std::end(allocated), model_.allocated(place).begin()));
    }

    Accounted accounted_;
    std::map<Pid, std::unique_ptr<TrackedProcess>> processes_;
    Model model_;
};

class Events {
public:
    explicit Events(std::uint64_t seed) : random_(seed) {}

    std::uint64_t below(std::uint64_t limit) { return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_); }

    Event next() {
        const auto device = static_cast<std::uint16_t>(below(device_count));
        const auto type = static_cast<std::uint8_t>(below(type_span));
        const std::uint64_t id = below(12);
        const std::uint64_t bytes = below(std::uint64_t{1} << below(20));
        switch (below(20)) {
            case 0: return free_all(id);
            case 1: return below(4) == 0 ? closed(device) : gauge(device, type, 0);
            case 2:
            case 3: return gauge(device, type, bytes);
            default: return below(5) < 3 ? allocation(device, type, bytes, id) : free_by_id(id);
        }
    }
    std::vector<Event> some() {
        std::vector<Event> events(1 + below(8));
        std::generate(events.begin(), events.end(), [this] { return next(); });
        return events;
    }

private:
    std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("holders at the peak, interval peaks and size classes agree with a model after every batch") {
    const std::uint64_t seed = std::random_device{}();
    CAPTURE(seed);
    Events random(seed);
    for (int round = 0; round < 20; ++round) {
        Comparison comparison;
        std::vector<Pid> pids{1, 2, 3};
        Pid next_pid = 4;
        for (const Pid pid : pids) comparison.add_process(pid);
        for (int i = 0; i < 400; ++i) {
            Pid& pid = pids[random.below(pids.size())];
            if (random.below(10) == 0) comparison.apply_and_roll_back(pid, random.some());
            if (random.below(40) == 0) {
                comparison.end(pid);
                comparison.add_process(pid = next_pid++);
            } else {
                comparison.apply(pid, random.some());
            }
            if (random.below(30) == 0) comparison.begin_interval(static_cast<unsigned>(random.below(device_count)));
            comparison.check();
        }
    }
}

TEST_CASE("a peak that stands for the sum of two processes keeps both shares however they go on") {
    Comparison comparison;
    comparison.add_process(1);
    comparison.add_process(2);
    comparison.apply(1, {allocation(0, 0, 600, 1)});
    comparison.apply(2, {allocation(0, 1, 400, 1)});
    comparison.apply(1, {free_by_id(1), allocation(0, 0, 599, 1)});
    comparison.apply(2, {free_by_id(1)});
    comparison.check();
    comparison.end(1);
    comparison.check();
    comparison.end(2);
    comparison.check();
}

TEST_CASE("of many processes that ended since the peak the largest shares are kept by name") {
    Accounted accounted;
    constexpr Pid count = 100;
    std::vector<std::unique_ptr<TrackedProcess>> processes;
    for (Pid pid = 1; pid <= count; ++pid) {
        processes.push_back(accounted.make_process(pid));
        accounted.apply(*processes.back(), {allocation(0, 0, static_cast<std::uint64_t>(pid), 1)});
    }
    // Those in the middle first, so that smaller and larger ones follow.
    std::rotate(processes.begin(), processes.begin() + count / 2, processes.end());
    for (const auto& process : processes) accounted.end(*process);
    const EndedHolders& ended = accounted.ledger().annex(0)->ended;
    REQUIRE(ended.count == stats::max_peak_holders);
    std::set<Pid> kept;
    for (const HolderRow& holder : ended.holders) kept.insert(holder.pid);
    CHECK(*kept.begin() == count - static_cast<Pid>(stats::max_peak_holders) + 1);
    CHECK(*kept.rbegin() == count);

    // The next peak is nobody's of them.
    const auto last = accounted.make_process(count + 1);
    accounted.apply(*last, {allocation(0, 0, 10000, 1)});
    CHECK(ended.epoch != accounted.ledger().device(0).peak_epoch);
    accounted.end(*last);
    CHECK(ended.epoch == accounted.ledger().device(0).peak_epoch);
    CHECK(ended.count == 1);
}

TEST_CASE("a process that was killed while it held events is not exact, whatever the sums say") {
    Accounted accounted;
    for (const bool coalescing : {false, true}) {
        CAPTURE(coalescing);
        const auto process = accounted.make_process(1);
        process->table_header().flags = process_exact;
        accounted.apply(*process, {allocation(0, 0, 10, 1)});
        // Killed between counting a slot of its own and taking its ticket: an event that waits is missing from the sum.
        ReportedCounters counters{};
        counters.reported = 1;
        counters.coalescing = coalescing ? 1 : 0;
        accounted.end(*process, counters);
        const ExitedRow& row = accounted.ledger().exited(accounted.ledger().header().exited.processes - 1);
        CHECK(((row.flags & process_exact) != 0) == !coalescing);
        CHECK(row.leaked_bytes == 10);
    }
    CHECK(accounted.ledger().header().exited.processes == 2);
    CHECK(accounted.ledger().header().exited.leaked_bytes == 20);
    CHECK(accounted.ledger().header().exited.leaked_buffers == 2);
}

TEST_CASE("size classes begin right above a power of two and end at one") {
    CHECK(size_class_of(0) == 0);
    CHECK(size_class_of(1) == 0);
    for (std::uint32_t c = 1; c < size_class_count - 1; ++c) {
        CAPTURE(c);
        CHECK(size_class_of(size_class_limit(c)) == c);
        CHECK(size_class_of(size_class_limit(c) + 1) == c + 1);
    }
    CHECK(size_class_of(max_size_bytes) == size_class_count - 1);
}

}  // namespace trackshm::aggregator
