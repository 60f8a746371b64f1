// SPDX-License-Identifier: Apache-2.0
//
// A process is killed, or one of its threads stopped, at a given instruction inside the library: what it had reported
// counts, what it held is released, and nobody else notices.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/long_form.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"
#include "support/tracer.hpp"

namespace trackshm::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr unsigned ring_events = 64;
constexpr unsigned full = 2 * ring_events;   // events of one thread that fill its lane and the shared one
constexpr unsigned coalescing = full + 172;  // so many more that the rest waits in the process

// What a process does before it is killed. Everything it reports is an allocation of 10 bytes on device 0.
struct Scenario {
    const char* name;
    std::function<void(Script&, Aggregator&)> prepare;
    const char* call;       // in which it is killed
    bool drains_meanwhile;  // the aggregator
    unsigned reported;      // events before the call
    unsigned least_leaked;  // buffers of it that the aggregator will find
    unsigned most_leaked;
};

void fill_ring(Script& program, Aggregator& aggregator, unsigned events) {
    aggregator.child().stop();
    program("hold " + std::to_string(events) + " 0 0 1 10");
}

const Scenario scenarios[] = {
    {"its first report, which makes its segment", [](Script&, Aggregator&) {}, "alloc 0 10 0 1000", true, 0, 0, 1},
    {"a thread's first report, which claims a lane",
     [](Script& program, Aggregator&) { program("on 1 alloc 0 10 0 1"); }, "alloc 0 10 0 1000", true, 1, 1, 2},
    {"the report that finds the rings full",
     [](Script& program, Aggregator& aggregator) { fill_ring(program, aggregator, full); }, "alloc 0 10 0 1000", false,
     full, full, full},
    {"a report while it coalesces",
     [](Script& program, Aggregator& aggregator) { fill_ring(program, aggregator, coalescing); }, "alloc 0 10 0 1000",
     false, coalescing, full, full},
    {"sending what it coalesced",
     [](Script& program, Aggregator& aggregator) { fill_ring(program, aggregator, coalescing); }, "sync 20000", true,
     coalescing, full, coalescing},
    {"leaving what it coalesced to be found after its exit",
     [](Script& program, Aggregator& aggregator) { fill_ring(program, aggregator, coalescing); }, "exit", false,
     coalescing, full, coalescing},
};

const Scenario ordinary_report{"an ordinary report",
                               [](Script& program, Aggregator&) { program("alloc 0 10 0 1"); },
                               "alloc 0 10 0 1000",
                               true,
                               1,
                               1,
                               2};

// How far into a call a process gets; false if that is past its end.
using Way = std::function<bool(Tracer&)>;

Way by_instructions(std::uint64_t count) {
    return [count](Tracer& tracer) {
        for (std::uint64_t i = 0; i < count; ++i) {
            if (!tracer.step()) return false;
        }
        return true;
    };
}

Way past_system_calls(std::uint64_t borders, std::uint64_t then_instructions) {
    return [=](Tracer& tracer) {
        for (std::uint64_t i = 0; i < borders; ++i) {
            if (!tracer.run_to_system_call()) return false;
        }
        return by_instructions(then_instructions)(tracer);
    };
}

// Runs processes to their ends and looks at what becomes of them.
class Range {
public:
    Range() : aggregator_(name_space_), bystander_(name_space_) {
        bystander_("alloc 0 7000 0 1");
        bystander_("alloc 7 333 1 1");
        bystander_.sync();
        before_ = shmtop_json(name_space_);
    }

    // True if it was killed inside the call.
    bool kill(const Scenario& scenario, const Way& way) {
        INFO("killed in " << scenario.name);
        Script program(name_space_, {{"TRACKSHM_RING_EVENTS", std::to_string(ring_events)}});
        bool inside = false;
        {
            scenario.prepare(program, aggregator_);
            Tracer tracer(program.pid());
            program.send(std::string("trap ") + scenario.call);
            REQUIRE(tracer.run_to_trap());
            if (scenario.drains_meanwhile) aggregator_.child().resume();
            inside = way(tracer);
            if (inside && scenario.drains_meanwhile) check_bystander();  // it stands still there, whatever it holds
            program.child().signal(SIGKILL);
        }
        program.child().wait();
        aggregator_.child().resume();
        check_bystander();
        check_gone(scenario, program.pid());
        return inside;
    }

    // When all is over: nothing of any of them is left, in /dev/shm or in the aggregator.
    void check_nothing_left() {
        CHECK(eventually([&] { return name_space_.segments("tmp").empty(); }));
        CHECK(name_space_.segments("p").size() == 1);
        CHECK(name_space_.segments("l").size() == 1);
        CHECK(eventually([&] { return removed_files_in_use() == 0; }));
        bystander_("free_all 1");
        bystander_.sync();
        CHECK(live_buffers(shmtop_json(name_space_)) == 0);
    }

    double longest_wait_ms() const { return longest_wait_ms_; }

private:
    // Segments that exist no more, but as mappings and descriptors of the aggregator.
    std::size_t removed_files_in_use() {
        const auto is_removed_segment = [](const std::string& text) {
            return text.find("trackshm.") != std::string::npos && text.find("(deleted)") != std::string::npos;
        };
        const fs::path process = "/proc/" + std::to_string(aggregator_.child().pid());
        std::size_t count = 0;
        std::ifstream maps(process / "maps");
        for (std::string line; std::getline(maps, line);) count += is_removed_segment(line);
        for (const auto& descriptor : fs::directory_iterator(process / "fd")) {
            std::error_code closed_meanwhile;
            count += is_removed_segment(fs::read_symlink(descriptor.path(), closed_meanwhile));
        }
        return count;
    }

    void check_bystander() {
        const auto start = std::chrono::steady_clock::now();
        bystander_("usage 9 5 " + std::to_string(1 + reports_of_bystander_));
        bystander_("usage 9 5 0");
        reports_of_bystander_ += 2;
        bystander_.sync();
        const std::chrono::duration<double, std::milli> wait = std::chrono::steady_clock::now() - start;
        longest_wait_ms_ = std::max(longest_wait_ms_, wait.count());
        CHECK(wait.count() < 5000);
    }

    // Every figure is what the bystander holds, and the sums have grown by what the process reported.
    void check_gone(const Scenario& scenario, pid_t pid) {
        const auto is_of_it = [&](const std::string& file) {
            return file.find("." + std::to_string(pid) + ".") != std::string::npos;
        };
        const auto has_segments = [&] {
            const auto processes = name_space_.segments("p");
            const auto tables = name_space_.segments("l");
            return std::any_of(processes.begin(), processes.end(), is_of_it) ||
                   std::any_of(tables.begin(), tables.end(), is_of_it);
        };
        CHECK(eventually([&] { return !has_segments(); }));
        bystander_.sync();
        const json now = shmtop_json(name_space_);
        CHECK(imbalance(now) == "");
        CHECK(now.at("events").at("pending") == 0);
        CHECK(now.at("aggregator").at("exact") == true);
        CHECK(now.at("processes").size() == 1);
        CHECK(live_bytes(now) == live_bytes(before_));
        CHECK(live_buffers(now) == live_buffers(before_));
        for (const json& device : now.at("devices")) {
            CHECK(device.at("allocations_total").get<std::uint64_t>() -
                      device.at("deallocations_total").get<std::uint64_t>() ==
                  device.at("live_buffers"));
        }

        const json record = exited_row(now, pid);
        const std::uint64_t leaked = record.is_null() ? 0 : record.at("leaked_buffers").get<std::uint64_t>();
        if (scenario.reported != 0) REQUIRE(record.is_object());
        if (record.is_object()) CHECK(record.at("leaked_bytes") == leaked * 10);
        if (leaked < scenario.reported) CHECK(record.at("exact") == false);
        CHECK(leaked >= scenario.least_leaked);
        CHECK(leaked <= scenario.most_leaked);

        const auto growth = [&](const char* key) {
            return now.at("events").at(key).get<std::int64_t>() - before_.at("events").at(key).get<std::int64_t>();
        };
        const std::int64_t applied = growth("applied") - reports_of_bystander_;
        const std::int64_t reported = growth("reported") - reports_of_bystander_;
        reports_of_bystander_ = 0;
        CHECK(applied == static_cast<std::int64_t>(leaked));
        CHECK(growth("coalesced") == 0);
        CHECK(growth("dropped") == reported - applied);
        // It may have died between two of the words it counts with: then the count is one off.
        CHECK(reported >= static_cast<std::int64_t>(scenario.reported) - 1);
        CHECK(reported <= static_cast<std::int64_t>(scenario.reported) + 1);
        before_ = now;
    }

    Namespace name_space_;
    Aggregator aggregator_;
    Script bystander_;
    json before_;
    std::int64_t reports_of_bystander_ = 0;  // since before_
    double longest_wait_ms_ = 0;
};

constexpr const char* needs_tracing = "this machine does not let a process trace its children";

// How long a call is, found out by two processes that are killed at its end.
struct Length {
    std::uint64_t instructions = 0;
    std::uint64_t system_call_borders = 0;
};

Length measure(Range& range, const Scenario& scenario) {
    const std::uint64_t most_instructions = by_form(20'000u, 200'000u);  // one costs some ten microseconds
    Length length;
    range.kill(scenario, [&](Tracer& tracer) {
        while (length.instructions < most_instructions && tracer.step()) ++length.instructions;
        return false;
    });
    range.kill(scenario, [&](Tracer& tracer) {
        while (tracer.run_to_system_call()) ++length.system_call_borders;
        return false;
    });
    return length;
}

}  // namespace

TEST_CASE("a process killed at any instruction of a report leaves what it reported and nothing else", "[long]") {
    if (!Tracer::is_possible()) SKIP_TEST(needs_tracing);
    Range range;
    std::uint64_t instructions = 0;
    while (range.kill(ordinary_report, by_instructions(instructions))) ++instructions;
    CHECK(instructions > 20);
    range.check_nothing_left();
    WARN(instructions << " instructions, the bystander waited " << range.longest_wait_ms() << " ms at most");
}

TEST_CASE("a process killed anywhere inside the library leaves what it reported and nothing else", "[long]") {
    if (!Tracer::is_possible()) SKIP_TEST(needs_tracing);
    const std::uint64_t seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const unsigned kills_each = by_form(10u, 100u);
    for (const Scenario& scenario : scenarios) {
        Range range;
        const Length length = measure(range, scenario);
        unsigned inside = 0;
        for (unsigned kill = 0; kill < kills_each; ++kill) {
            const std::uint64_t instructions = random() % (length.instructions + 1);
            const std::uint64_t borders = random() % (length.system_call_borders + 1);
            const std::uint64_t further_instructions = random() % 200;
            inside += range.kill(scenario, kill % 2 == 0 ? by_instructions(instructions)
                                                         : past_system_calls(borders, further_instructions));
        }
        range.check_nothing_left();
        WARN(scenario.name << ", " << length.instructions << " instructions with " << length.system_call_borders
                           << " borders of system calls: " << kills_each << " kills, " << inside
                           << " of them inside; the bystander waited " << range.longest_wait_ms() << " ms at most");
    }
}

TEST_CASE("a thread stopped at any instruction of a report delays nobody's events but its own") {
    if (!Tracer::is_possible()) SKIP_TEST(needs_tracing);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    Script other(name_space);
    program("on 1 alloc 0 10 0 1");
    Tracer tracer(static_cast<pid_t>(std::stol(program("thread 1"))));
    std::uint64_t reports = 0;
    for (bool inside = true; inside; ++reports) {
        program("begin 1 trap alloc 0 10 0 " + std::to_string(2 + reports));
        REQUIRE(tracer.run_to_trap());
        inside = by_instructions(reports)(tracer);

        program("hold 100 1 0 " + std::to_string(1000 + 100 * reports) + " 10");
        program.sync();
        other("alloc 2 10 0 " + std::to_string(reports));
        other.sync();
        const json snapshot = shmtop_json(name_space);
        CHECK(device_row(snapshot, 1).at("live_buffers") == 100 * (reports + 1));
        CHECK(device_row(snapshot, 2).at("live_buffers") == reports + 1);
        CHECK(device_row(snapshot, 0).at("live_buffers").get<std::uint64_t>() >= reports + 1);
        CHECK(process_row(snapshot, program.pid()).at("pending") <= 1);
        if (inside) REQUIRE(tracer.run_to_trap());
    }
    CHECK(reports > 20);
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(device_row(snapshot, 0).at("live_buffers") == reports + 1);
    CHECK(process_row(snapshot, program.pid()).at("pending") == 0);
    CHECK(snapshot.at("aggregator").at("exact") == true);
}

TEST_CASE("what happened before an event is applied before it, wherever the aggregator is when both happen", "[long]") {
    if (!Tracer::is_possible()) SKIP_TEST(needs_tracing);
    constexpr unsigned threads = 60;  // the lanes the aggregator looks through between the first and the last of them
    const std::uint64_t seed = std::random_device()();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    for (unsigned thread = 1; thread <= threads; ++thread) program("on " + std::to_string(thread) + " fail 5 1 0");
    program.sync();

    const unsigned rounds = by_form(60u, 2000u);
    {
        Tracer tracer(aggregator.child().pid());
        tracer.interrupt();
        for (unsigned round = 0; round < rounds; ++round) {
            const std::string id = std::to_string(1000 + round);
            REQUIRE(tracer.run_to_system_call());
            program("on 30 fail 5 1 0");  // so that there is something to look for
            REQUIRE(by_instructions(random() % 1500)(tracer));
            program("on 1 alloc 5 10 0 " + id);
            program("on " + std::to_string(threads) + " free " + id);
        }
    }
    program.sync();
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("events").at("unknown_frees") == 0);
    CHECK(device_row(snapshot, 5).at("allocations_total") == rounds);
    CHECK(live_buffers(snapshot) == 0);
}

}  // namespace trackshm::test
