// SPDX-License-Identifier: Apache-2.0
#include "shm/coalescer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <tuple>
#include <vector>

namespace trackshm::shm {

namespace {

using Memory = std::pair<std::uint32_t, unsigned>;  // device, type

struct Counts {
    std::uint64_t allocations = 0;
    std::uint64_t allocated_bytes = 0;
    std::uint64_t deallocations = 0;
    std::uint64_t deallocated_bytes = 0;

    bool operator==(const Counts&) const = default;
};

struct Entry {
    Memory memory;
    std::uint64_t size;

    auto operator<=>(const Entry&) const = default;
};

// What events do, written down as plainly as it goes: what an aggregator must do with them.
struct Effects {
    std::map<std::uint64_t, std::vector<Entry>> live;  // the oldest first
    std::map<Memory, Counts> counts;
    std::map<Memory, std::uint64_t> gauges;
    std::uint64_t unknown_frees = 0;
    std::uint64_t ambiguous_frees = 0;
    std::uint64_t implicit_frees = 0;
    std::uint64_t failures = 0;
    std::uint64_t reports = 0;
    std::uint64_t reports_coalesced = 0;
    std::uint64_t live_bytes = 0;  // gauges included
    std::uint64_t peak_bytes = 0;

    void apply(const Event& event) {
        reports += event.reports();
        const Memory memory{event.device, event.type};
        switch (event.kind) {
            case EventKind::allocation: allocate(event, memory); break;
            case EventKind::free_by_id:
            case EventKind::free_on_device:
            case EventKind::free_exact:
            case EventKind::free_all:
                for (std::uint32_t i = 0; i < event.count; ++i) free(event, memory);
                break;
            case EventKind::folded_free_all: free_remaining(event.id); break;
            case EventKind::device_closed: close(event.device); break;
            case EventKind::usage: set_gauge(memory, event.size); break;
            case EventKind::lowered_usage: set_gauge(memory, std::min(event.size, gauges[memory])); break;
            case EventKind::allocation_failure: failures += event.count; break;
            case EventKind::folded_pairs: fold(event, counts[memory]); break;
            case EventKind::folded_frees:
                implicit_frees += event.id;
                ambiguous_frees += event.size;
                break;
            case EventKind::coalesced_reports: reports_coalesced += event.id; break;
            default: break;
        }
        peak_bytes = std::max(peak_bytes, live_bytes);
    }

    // Apart from `reports`, which coalescing is there to reduce.
    void check_equals(const Effects& other) {
        forget_empty();
        CHECK(live == other.live);
        CHECK(counts == other.counts);
        CHECK(gauges == other.gauges);
        CHECK(unknown_frees == other.unknown_frees);
        CHECK(ambiguous_frees == other.ambiguous_frees);
        CHECK(implicit_frees == other.implicit_frees);
        CHECK(failures == other.failures);
        CHECK(live_bytes == other.live_bytes);
    }

    void forget_empty() {
        std::erase_if(live, [](const auto& item) { return item.second.empty(); });
        std::erase_if(gauges, [](const auto& item) { return item.second == 0; });
    }

private:
    void allocate(const Event& event, Memory memory) {
        auto& entries = live[event.id];
        const auto old =
            std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.memory == memory; });
        if (old != entries.end()) {
            ++implicit_frees;
            release(entries, old);
        }
        entries.push_back({memory, event.size});
        ++counts[memory].allocations;
        counts[memory].allocated_bytes += event.size;
        live_bytes += event.size;
    }

    void set_gauge(Memory memory, std::uint64_t bytes) {
        live_bytes += bytes - gauges[memory];
        gauges[memory] = bytes;
    }

    void free(const Event& event, Memory memory) {
        auto& entries = live[event.id];
        const auto hit = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
            if (event.kind == EventKind::free_on_device) return entry.memory.first == event.device;
            return event.kind != EventKind::free_exact || entry.memory == memory;
        });
        if (hit == entries.end()) {
            ++unknown_frees;
        } else if (event.kind == EventKind::free_all) {
            free_remaining(event.id);
        } else {
            if (event.kind == EventKind::free_by_id && entries.size() > 1) ++ambiguous_frees;
            release(entries, hit);
        }
    }

    void free_remaining(std::uint64_t id) {
        auto& entries = live[id];
        while (!entries.empty()) release(entries, entries.begin());
    }

    std::vector<Entry>::iterator release(std::vector<Entry>& entries, std::vector<Entry>::iterator entry) {
        ++counts[entry->memory].deallocations;
        counts[entry->memory].deallocated_bytes += entry->size;
        live_bytes -= entry->size;
        return entries.erase(entry);
    }

    void close(std::uint32_t device) {
        for (auto& [id, entries] : live) {
            for (auto entry = entries.begin(); entry != entries.end();) {
                entry = entry->memory.first == device ? release(entries, entry) : entry + 1;
            }
        }
        for (auto& [memory, bytes] : gauges) {
            if (memory.first == device) set_gauge(memory, 0);
        }
    }

    static void fold(const Event& event, Counts& counts) {
        counts.allocations += event.id;
        counts.deallocations += event.id;
        counts.allocated_bytes += event.size;
        counts.deallocated_bytes += event.size;
    }
};

// One program's events, directly and by way of a coalescer that is flushed now and then, and not always to its end.
struct Experiment {
    explicit Experiment(std::uint64_t limit = Coalescer::default_limit) : coalescer(limit) {}
    // Every event is folded.
    static std::unique_ptr<Experiment> without_a_queue() {
        auto experiment = std::make_unique<Experiment>();
        experiment->coalescer = Coalescer(Coalescer::default_limit, 0);
        return experiment;
    }

    Effects direct;
    Effects coalesced;
    Coalescer coalescer;

    void report(const Event& event) {
        direct.apply(event);
        REQUIRE(coalescer.absorb(event));
    }
    void flush(std::uint64_t slots) {
        coalescer.flush([&](const Event& event) {
            if (slots == 0) return false;
            --slots;
            CHECK(is_valid(event));
            coalesced.apply(event);
            return true;
        });
    }
    void finish() {
        finish_but_for_peaks();
        CHECK(coalesced.peak_bytes <= direct.peak_bytes);
    }
    void finish_but_for_peaks() {
        flush(~std::uint64_t{0});
        CHECK(coalescer.empty());
        CHECK(coalescer.events() == 0);
        direct.forget_empty();
        coalesced.check_equals(direct);
        CHECK(coalesced.reports + coalesced.reports_coalesced == direct.reports);
    }
};

Event event_of(EventKind kind, std::uint32_t device, unsigned type, std::uint64_t id, std::uint64_t size = 0) {
    return {kind, static_cast<std::uint8_t>(type), static_cast<std::uint16_t>(device), 1, id, size};
}

std::uint64_t fresh_seed() { return std::random_device()(); }

}  // namespace

TEST_CASE("an allocation and its free cancel out and still count in the totals") {
    const auto experiment = std::make_unique<Experiment>(40000);
    for (std::uint64_t id = 0; id < 100000; ++id) {
        experiment->report(event_of(EventKind::allocation, 0, 0, id, 64));
        experiment->report(event_of(EventKind::free_by_id, 0, 0, id));
    }
    CHECK(experiment->coalescer.events() < 20000);
    experiment->finish();
    CHECK(experiment->coalesced.reports_coalesced > 180000);
}

TEST_CASE("a free of a buffer that was sent before stays a free") {
    const auto experiment = std::make_unique<Experiment>();
    experiment->report(event_of(EventKind::allocation, 3, 1, 7, 64));
    experiment->flush(~std::uint64_t{0});
    experiment->report(event_of(EventKind::free_by_id, 0, 0, 7));
    experiment->report(event_of(EventKind::allocation, 4, 1, 7, 65));
    experiment->finish();
    CHECK(experiment->coalesced.live.at(7) == std::vector<Entry>{{{4, 1}, 65}});
}

TEST_CASE("a free on all devices reaches those whose allocation was sent before, however much is folded after it") {
    const auto experiment = std::make_unique<Experiment>(20000);
    experiment->report(event_of(EventKind::allocation, 0, 0, 7, 64));
    experiment->flush(~std::uint64_t{0});
    experiment->report(event_of(EventKind::allocation, 1, 0, 7, 64));
    experiment->report(event_of(EventKind::free_all, 0, 0, 7));
    for (std::uint64_t id = 100; id < 10000; ++id) {
        experiment->report(event_of(EventKind::allocation, 0, 0, id, 64));
        experiment->report(event_of(EventKind::free_all, 0, 0, id));
    }
    experiment->finish();
}

TEST_CASE("what waits in the queue is sent in its order and as it was") {
    Coalescer coalescer;
    std::vector<Event> sent;
    const auto flush = [&](std::size_t slots) {
        const std::size_t full = sent.size() + slots;
        coalescer.flush([&](const Event& event) { return sent.size() < full && (sent.push_back(event), true); });
    };
    for (std::uint64_t id = 0; id < 10000; ++id) {
        REQUIRE(coalescer.absorb(event_of(EventKind::allocation, 0, 0, id, 64)));
        REQUIRE(coalescer.absorb(event_of(EventKind::free_by_id, 0, 0, id)));
        if (id % 1000 == 0) flush(300);
    }
    flush(20000);
    CHECK(coalescer.empty());
    std::uint64_t in_order = 0;
    for (std::uint64_t i = 0; i < sent.size(); ++i) {
        const EventKind kind = i % 2 == 0 ? EventKind::allocation : EventKind::free_by_id;
        in_order += sent[i].kind == kind && sent[i].id == i / 2 && !sent[i].held;
    }
    CHECK(in_order == 20000);
}

TEST_CASE("a buffer that grew while a gauge fell does not meet it at its old height") {
    const auto experiment = std::make_unique<Experiment>(16);  // all but the first event is folded
    experiment->report(event_of(EventKind::usage, 0, 5, 0, 100));
    for (std::uint64_t step = 1; step <= 9; ++step) {
        experiment->report(event_of(EventKind::usage, 0, 5, 0, 100 - 10 * step));
        experiment->report(event_of(EventKind::free_by_id, 0, 0, 1));
        experiment->report(event_of(EventKind::allocation, 0, 0, 1, 10 * step));
    }
    experiment->finish();
    CHECK(experiment->coalesced.live_bytes == 100);
    CHECK(experiment->coalesced.peak_bytes == 100);
    CHECK(experiment->coalesced.reports_coalesced > 20);
}

TEST_CASE("what comes and goes is folded however many devices were closed before") {
    const bool has_many_epochs = GENERATE(false, true);
    INFO((has_many_epochs ? "with" : "without") << " a buffer that stays between two closes");
    const auto experiment = Experiment::without_a_queue();
    experiment->report(event_of(EventKind::allocation, 1, 0, 1, 64));
    for (std::uint32_t i = 0; i < 300; ++i) {
        experiment->report(event_of(EventKind::allocation, 2 + i % 2, 0, 2, 64));
        if (has_many_epochs) experiment->report(event_of(EventKind::allocation, 1, 0, 1000 + i, 64));
        experiment->report(event_of(EventKind::device_closed, 2 + i % 2, 0, 0));
    }
    for (std::uint64_t i = 0; i < 20000; ++i) {  // report() requires that all are taken
        experiment->report(event_of(EventKind::allocation, 2, 0, 3, 64));
        experiment->report(event_of(EventKind::free_by_id, 0, 0, 3));
    }
    CHECK(experiment->coalescer.events() < 3000);
    experiment->finish();
}

TEST_CASE("past its limit the coalescer refuses and changes nothing") {
    Coalescer coalescer(10);
    std::uint64_t taken = 0;
    for (std::uint64_t id = 0; id < 20; ++id) taken += coalescer.absorb(event_of(EventKind::allocation, 0, 0, id, 1));
    CHECK(taken == 10);
    CHECK(coalescer.events() == 10);
}

TEST_CASE("a program that frees what it allocates is coalesced exactly, however it is flushed") {
    const std::uint64_t seed = fresh_seed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const auto experiment = std::make_unique<Experiment>(60000);
    std::deque<std::uint64_t> live;
    std::uint64_t next_id = 0;
    for (int i = 0; i < 200000; ++i) {
        const std::uint64_t choice = random() % 100;
        if (choice < 50 || live.empty()) {
            live.push_back(next_id++);
            experiment->report(event_of(EventKind::allocation, static_cast<std::uint32_t>(random() % 4),
                                        static_cast<unsigned>(random() % 3), live.back(), random() % 1000));
        } else if (choice < 98) {
            const std::size_t at = live.size() - 1 - random() % std::min<std::size_t>(live.size(), 50);
            experiment->report(event_of(EventKind::free_by_id, 0, 0, live[at]));
            live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
        } else if (choice < 99) {
            experiment->report(event_of(EventKind::usage, static_cast<std::uint32_t>(random() % 4), 5, 0, random() % 99));
        } else if (random() % 20 == 0) {
            experiment->flush(random() % 5000);
        }
    }
    experiment->finish();
}

TEST_CASE("any order of reports of a few ids is coalesced exactly, however it is flushed") {
    const std::uint64_t seed = fresh_seed();
    INFO("seed " << seed);
    for (std::uint64_t round = 0; round < 200; ++round) {
        INFO("round " << round);
        std::mt19937_64 random(seed + round);
        const auto experiment = std::make_unique<Experiment>();
        for (int i = 0; i < 400; ++i) {
            const auto device = static_cast<std::uint32_t>(random() % 3);
            const auto type = static_cast<unsigned>(random() % 2);
            const std::uint64_t id = random() % 24;
            switch (random() % 24) {
                case 0: experiment->report(event_of(EventKind::free_all, 0, 0, id)); break;
                case 1: experiment->report(event_of(EventKind::free_exact, device, type, id)); break;
                case 2: experiment->report(event_of(EventKind::free_on_device, device, 0, id)); break;
                case 3: experiment->report(event_of(EventKind::usage, device, type, 0, random() % 100)); break;
                case 4: experiment->report(event_of(EventKind::allocation_failure, device, type, 0, 9)); break;
                case 5: experiment->flush(random() % 60); break;
                case 6:
                    if (random() % 8 == 0) experiment->report(event_of(EventKind::device_closed, device, 0, 0));
                    break;
                case 7:
                case 8:
                case 9:
                case 10:
                case 11:
                case 12:
                case 13: experiment->report(event_of(EventKind::free_by_id, 0, 0, id)); break;
                default: experiment->report(event_of(EventKind::allocation, device, type, id, random() % 1000)); break;
            }
        }
        experiment->finish();
        CHECK(experiment->coalesced.peak_bytes == experiment->direct.peak_bytes);
    }
}

TEST_CASE("any order of reports is folded exactly while nothing was sent") {
    const std::uint64_t seed = fresh_seed();
    INFO("seed " << seed);
    for (std::uint64_t round = 0; round < 300; ++round) {
        INFO("round " << round);
        std::mt19937_64 random(seed + round);
        const auto experiment = Experiment::without_a_queue();
        const std::uint64_t ids = 1 + random() % 24;
        for (int i = 0; i < 200; ++i) {
            const auto device = static_cast<std::uint32_t>(random() % 3);
            const auto type = static_cast<unsigned>(random() % 2);
            const std::uint64_t id = random() % ids;
            switch (random() % 20) {
                case 0: experiment->report(event_of(EventKind::free_all, 0, 0, id)); break;
                case 1: experiment->report(event_of(EventKind::free_exact, device, type, id)); break;
                case 2: experiment->report(event_of(EventKind::free_on_device, device, 0, id)); break;
                case 3: experiment->report(event_of(EventKind::device_closed, device + 1, 0, 0)); break;
                case 4:
                case 5:
                case 6:
                case 7:
                case 8:
                case 9:
                case 10: experiment->report(event_of(EventKind::free_by_id, 0, 0, id)); break;
                default: experiment->report(event_of(EventKind::allocation, device, type, id, random() % 1000)); break;
            }
        }
        while (!experiment->coalescer.empty()) experiment->flush(1 + random() % 60);
        // Ids live in several memories: what of one is freed meets what of others came later.
        experiment->finish_but_for_peaks();
    }
}

TEST_CASE("what waits besides buffers is sent in the order in which it came last") {
    const auto experiment = Experiment::without_a_queue();
    const auto piece = [](std::uint16_t device, std::uint32_t offset) {
        return Event{EventKind::describe_device, 0, device, offset, 7, 7};
    };
    for (std::uint16_t device = 0; device < 50; ++device) {
        for (std::uint32_t offset = 0; offset < name_bytes; offset += name_chunk_bytes) {
            REQUIRE(experiment->coalescer.absorb(piece(device, offset)));
        }
        REQUIRE(experiment->coalescer.absorb(event_of(EventKind::allocation_failure, device, 1, 0, 10)));
        REQUIRE(experiment->coalescer.absorb(event_of(EventKind::allocation_failure, device, 0, 0, 20)));
        REQUIRE(experiment->coalescer.absorb(event_of(EventKind::allocation_failure, device, 1, 0, 30)));
    }
    for (std::uint32_t offset = 0; offset < 32; offset += name_chunk_bytes) {
        REQUIRE(experiment->coalescer.absorb(piece(3, offset)));  // a shorter name
    }
    std::map<std::uint32_t, std::vector<std::uint32_t>> pieces;
    std::map<std::uint32_t, std::vector<std::uint64_t>> failures;
    experiment->coalescer.flush([&](const Event& event) {
        if (event.kind == EventKind::describe_device) pieces[event.device].push_back(event.count);
        if (event.kind == EventKind::allocation_failure) failures[event.device].push_back(event.size);
        return true;
    });
    CHECK(experiment->coalescer.empty());
    CHECK(experiment->coalescer.events() == 0);
    for (std::uint32_t device = 0; device < 50; ++device) {
        const std::vector<std::uint32_t> whole{0, 16, 32, 48};
        CHECK(pieces[device] == (device == 3 ? std::vector<std::uint32_t>{0, 16} : whole));
        CHECK(failures[device] == std::vector<std::uint64_t>{20, 30});
    }
}

}  // namespace trackshm::shm
