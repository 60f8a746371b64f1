// SPDX-License-Identifier: Apache-2.0
//
// What readers get besides the counters: the past, who held what at the peak, sizes, failures; and that it outlives an
// aggregator that is killed.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <trackshm/stats.hpp>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/private_shm.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

stats::Details read_details(const Namespace& name_space) {
    stats::Error error;
    stats::Details details;
    auto reader = stats::Reader::open(name_space.name(), error);
    REQUIRE(reader);
    REQUIRE(reader->read_details(details, error));
    return details;
}

std::vector<stats::Sample> samples_of(const Namespace& name_space, std::uint32_t device) {
    const stats::Details details = read_details(name_space);
    const stats::DeviceDetails* const row = details.find(device);
    return row == nullptr ? std::vector<stats::Sample>{} : row->seconds;
}

// Details may be a tenth of a second behind the counters.
template <class IsExpected>
json details_row(const Namespace& name_space, unsigned device, IsExpected&& is_expected) {
    json row;
    const bool came = eventually([&] {
        row = device_row(shmtop_json(name_space), device);
        return row.is_object() && is_expected(row);
    });
    INFO(row.dump());
    REQUIRE(came);
    return row;
}

bool has_peak(const json& row, std::uint64_t bytes) {
    return row.at("at_peak").is_object() && row.at("at_peak").at("bytes") == bytes;
}

json share(const Script& program, const char* type, std::uint64_t bytes, bool ended) {
    return {{"pid", program.pid()}, {"comm", program.comm()}, {"type", type}, {"bytes", bytes}, {"ended", ended}};
}

json size_class(std::uint64_t le_bytes, std::uint64_t allocated_total, std::uint64_t live) {
    return {{"le_bytes", le_bytes}, {"allocated_total", allocated_total}, {"live", live}};
}

std::uint64_t stats_storage_bytes(const Namespace& name_space) {
    struct stat info {};
    REQUIRE(stat(("/dev/shm/" + name_space.segments("stats").at(0)).c_str(), &info) == 0);
    return static_cast<std::uint64_t>(info.st_blocks) * 512;
}

}  // namespace

TEST_CASE("a monitor opened late sees the past, also what an aggregator saw that was killed") {
    const Namespace name_space;
    Script program(name_space);
    auto aggregator = std::make_unique<Aggregator>(name_space);
    program("alloc 4 1000 0 1");
    program("alloc 4 70000 0 2");
    program("free 2");  // between two samples: nobody ever saw it
    program.sync();
    REQUIRE(eventually([&] { return samples_of(name_space, 4).size() >= 2; }));
    const std::vector<stats::Sample> before = samples_of(name_space, 4);
    CHECK(before[0].live_bytes == 1000);
    CHECK(before[0].peak_bytes == 71000);
    CHECK(before[0].allocations_total == 2);
    CHECK(before[0].allocated_bytes_total == 71000);
    CHECK(before[0].deallocations_total == 1);
    CHECK(before[1].peak_bytes == 1000);
    const json row = device_row(shmtop_json(name_space), 4);
    CHECK(row.at("peak_15s_bytes") == 71000);
    CHECK(row.at("peak_60s_bytes") == 71000);

    aggregator->child().kill();
    program("alloc 4 500 0 3");
    aggregator = std::make_unique<Aggregator>(name_space);
    program.sync();
    CHECK(device_row(shmtop_json(name_space), 4).at("peak_60s_bytes") == 71000);
    std::vector<stats::Sample> after;
    REQUIRE(eventually([&] {
        after = samples_of(name_space, 4);
        return after.size() > before.size() + 1 && after.back().allocations_total == 3;
    }));
    CHECK(after[0].live_bytes == 1000);
    CHECK(after[0].peak_bytes == 71000);
    CHECK(after.back().live_bytes == 1500);
    CHECK(after.back().allocations_total == 3);
    CHECK(std::is_sorted(after.begin(), after.end(),
                         [](const auto& a, const auto& b) { return a.time_unix_ns < b.time_unix_ns; }));
}

TEST_CASE("a fresh start forgets the past") {
    const Namespace name_space;
    Script program(name_space);
    auto aggregator = std::make_unique<Aggregator>(name_space);
    program("alloc 4 1000 0 1");
    REQUIRE(eventually([&] { return !samples_of(name_space, 4).empty(); }));
    CHECK(aggregator->terminate().exited_with(0));
    aggregator = std::make_unique<Aggregator>(name_space, Arguments{"--fresh"});
    program("alloc 4 10 0 2");
    program.sync();
    REQUIRE(eventually([&] { return !samples_of(name_space, 4).empty(); }));
    CHECK(samples_of(name_space, 4)[0].allocations_total == 1);
    CHECK(device_row(shmtop_json(name_space), 4).at("peak_60s_bytes") == 10);
}

TEST_CASE("who held what at the peak is known when those who did have ended and the aggregator was killed") {
    const Namespace name_space;
    auto aggregator = std::make_unique<Aggregator>(name_space);
    Script first(name_space);
    Script second(name_space);
    first("alloc 0 1000 0 1");
    first("alloc 0 300 1 2");
    first("usage 0 5 50");
    first.sync();
    second("alloc 0 2000 0 1");
    second.sync();
    first("alloc 0 400 1 3");
    first.sync();  // the peak: 3750
    first("free 1");
    first("usage 0 5 0");
    second("free 1");
    first.sync();
    second.sync();
    second("alloc 0 600 1 7");
    second.sync();
    const json expected = {share(second, "DRAM", 2000, false), share(first, "DRAM", 1000, false),
                           share(first, "L1", 700, false), share(first, "CIRCULAR_BUFFER", 50, false)};
    json row = details_row(name_space, 0, [](const json& r) { return has_peak(r, 3750); });
    CHECK(row.at("peak_bytes") == 3750);
    CHECK(row.at("at_peak").at("holders") == expected);
    CHECK(row.at("at_peak").at("rest_bytes") == 0);
    const json time = row.at("at_peak").at("time_unix_ns");

    aggregator->child().kill();
    first.finish();
    aggregator = std::make_unique<Aggregator>(name_space);
    second.child().kill();
    row = details_row(name_space, 0, [&](const json& r) {
        const json holders = r.at("at_peak").at("holders");
        return std::all_of(holders.begin(), holders.end(), [](const json& h) { return h.at("ended") == true; });
    });
    json all_ended = expected;
    for (json& holder : all_ended) holder["ended"] = true;
    CHECK(row.at("at_peak").at("holders") == all_ended);
    CHECK(row.at("at_peak").at("rest_bytes") == 0);
    CHECK(row.at("at_peak").at("time_unix_ns") == time);

    Script third(name_space);
    third("alloc 0 4000 0 1");
    third.sync();
    row = details_row(name_space, 0, [](const json& r) { return has_peak(r, 4000); });
    CHECK(row.at("at_peak").at("holders") == json::array({share(third, "DRAM", 4000, false)}));
}

TEST_CASE("the smallest of many holders of a peak are summed up") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    Script other(name_space);
    Script another(name_space);
    std::uint64_t sum = 0;
    for (Script* script : {&program, &other, &another}) {
        for (unsigned type = 0; type < 16; ++type) {
            const std::uint64_t bytes = 1 + sum;  // larger than all before together
            (*script)("usage 0 " + std::to_string(type) + " " + std::to_string(bytes));
            sum += bytes;
        }
        script->sync();
    }
    const json row = details_row(name_space, 0, [&](const json& r) { return has_peak(r, sum); });
    const json holders = row.at("at_peak").at("holders");
    REQUIRE(holders.size() == stats::max_peak_holders);
    std::uint64_t listed = 0;
    for (const json& holder : holders) listed += holder.at("bytes").get<std::uint64_t>();
    CHECK(holders.front().at("bytes") == (sum + 1) / 2);
    CHECK(row.at("at_peak").at("rest_bytes") == sum - listed);
    CHECK(row.at("at_peak").at("rest_bytes") == (std::uint64_t{1} << 16) - 1);  // of the 16 smallest
}

TEST_CASE("size histograms count what was allocated and what lives, through a close, an end and a kill") {
    const Namespace name_space;
    auto aggregator = std::make_unique<Aggregator>(name_space);
    Script stays(name_space);
    Script goes(name_space);
    stays("fill 1 10 0 0 1 64");
    stays("alloc 0 65 0 100");
    stays("alloc 0 0 0 101");
    stays("empty 1 3");
    goes("fill 1 5 0 0 1 64");
    goes("alloc 0 5000 0 6");
    goes("alloc 1 5000 0 7");
    goes("close 1");
    stays.sync();
    goes.sync();
    const auto histogram = [&](unsigned device, const json& expected) {
        const json row = details_row(name_space, device, [&](const json& r) {
            return r.at("types").at(0).at("size_histogram") == expected;
        });
        std::uint64_t live = 0;
        for (const json& c : expected) live += c.at("live").get<std::uint64_t>();
        CHECK(row.at("live_buffers") == live);
    };
    histogram(0, {size_class(1, 1, 1), size_class(64, 15, 12), size_class(128, 1, 1), size_class(8192, 1, 1)});
    histogram(1, json::array({size_class(8192, 1, 0)}));
    aggregator->child().kill();
    goes.child().kill();
    aggregator = std::make_unique<Aggregator>(name_space);
    histogram(0, {size_class(1, 1, 1), size_class(64, 15, 7), size_class(128, 1, 1), size_class(8192, 1, 0)});
}

TEST_CASE("a failed allocation shows who asked for what, and what was live when it failed") {
    const Namespace name_space;
    auto aggregator = std::make_unique<Aggregator>(name_space);
    Script other(name_space);
    other("alloc 2 900 0 1");
    other("alloc 3 5000 0 2");
    other.sync();
    Script program(name_space);
    program("fill 1 20 2 0 100 10");
    program("alloc 2 700 1 50");
    program("fail 2 123456 1");
    program("free 50");  // right after it, in the same batch as a rule
    program("alloc 2 800 1 51");
    program.sync();
    const auto has_list = [](const json& r) {
        return r.at("last_failure").is_object() && r.at("last_failure").at("largest_time_unix_ns").is_number();
    };
    json failure = details_row(name_space, 2, has_list).at("last_failure");
    CHECK(failure.at("size_bytes") == 123456);
    CHECK(failure.at("type") == "L1");
    CHECK(failure.at("pid") == program.pid());
    CHECK(failure.at("comm") == program.comm());
    CHECK(failure.at("count") == 1);
    CHECK(failure.at("largest_gathering_ns") == 0);
    const json largest = failure.at("largest");
    REQUIRE(largest.size() == stats::max_large_buffers);
    CHECK(largest[0].at("size_bytes") == 900);
    CHECK(largest[0].at("pid") == other.pid());
    CHECK(largest[1].at("size_bytes") == 700);
    CHECK(largest[1].at("id") == 50);
    CHECK(largest[1].at("type") == "L1");
    CHECK(largest[1].at("pid") == program.pid());
    CHECK(largest[2].at("size_bytes") == 10);
    CHECK(device_row(shmtop_json(name_space), 3).at("last_failure").is_null());

    aggregator->child().kill();
    aggregator = std::make_unique<Aggregator>(name_space);
    CHECK(details_row(name_space, 2, has_list).at("last_failure") == failure);
    for (int i = 0; i < 5000; ++i) program.child().write_line("fail 2 " + std::to_string(i) + " 0");
    for (int i = 0; i < 5000; ++i) REQUIRE(program.answer() == "");
    program.sync();
    failure = details_row(name_space, 2, [](const json& r) { return r.at("last_failure").at("count") == 5001; })
                  .at("last_failure");
    CHECK(failure.at("size_bytes") == 4999);
    CHECK(type_row(shmtop_json(name_space), 2, "DRAM").at("allocation_failures_total") == 5000);
}

TEST_CASE("what is in the way of a failed allocation is found in tables of a million buffers too") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space, {{"TRACKSHM_RING_EVENTS", "65536"}});
    program("fill 1 1000000 0 0 1000 64");
    program("alloc 0 1000 0 1");
    program("alloc 0 900 0 2");
    program("fail 0 1 0");
    program.sync();
    const json failure = details_row(name_space, 0, [](const json& r) {
                             return r.at("last_failure").is_object() &&
                                    r.at("last_failure").at("largest_time_unix_ns").is_number();
                         }).at("last_failure");
    CHECK(failure.at("largest_gathering_ns") > 0);
    REQUIRE(failure.at("largest").size() == stats::max_large_buffers);
    CHECK(failure.at("largest")[0].at("id") == 1);
    CHECK(failure.at("largest")[1].at("id") == 2);
}

TEST_CASE("a few devices do not take the room of 256") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    for (unsigned device = 0; device < 3; ++device) program("alloc " + std::to_string(device) + " 1000 0 1");
    program.sync();
    REQUIRE(eventually([&] { return !samples_of(name_space, 2).empty(); }));
    CHECK(stats_storage_bytes(name_space) < std::uint64_t{2} << 20);
}

TEST_CASE("without room in /dev/shm a new device is counted, and has a past once there is room") {
    if (!PrivateShm::is_possible()) SKIP_TEST("needs root and mount namespaces");
    PrivateShm shm("size=32m");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 1000 0 1");
    program.sync();
    REQUIRE(eventually([&] { return !samples_of(name_space, 0).empty(); }));
    shm.fill();
    program("alloc 1 1000 0 2");
    program("alloc 1 500 0 3");
    program("free 3");
    program.sync();
    const std::size_t known = samples_of(name_space, 0).size();
    REQUIRE(eventually([&] { return samples_of(name_space, 0).size() >= known + 2; }));
    CHECK(samples_of(name_space, 1).empty());
    json row = device_row(shmtop_json(name_space), 1);
    CHECK(row.at("live_bytes") == 1000);
    CHECK(row.at("peak_15s_bytes") == 1500);

    shm.make_room();
    REQUIRE(eventually([&] { return !samples_of(name_space, 1).empty(); }));
    program("alloc 1 600 0 4");
    program.sync();
    row = details_row(name_space, 1, [](const json& r) { return has_peak(r, 1600); });
    CHECK(row.at("at_peak").at("holders") == json::array({share(program, "DRAM", 1600, false)}));
}

}  // namespace trackshm::test
