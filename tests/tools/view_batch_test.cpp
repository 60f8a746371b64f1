// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_batch.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "common/glyphs.hpp"
#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

std::string frame_text(const stats::Snapshot& snapshot, FrameOptions options = {}) {
    return plain_text(make_frame(snapshot, options));
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("the frame shows devices, processes and leaks in human units") {
    const std::string text = frame_text(sample_snapshot());
    CHECK(contains(text, "aggregator 99"));
    CHECK(contains(text, "300.0 MiB / 1000 MiB"));
    CHECK(contains(text, "[####--------]"));
    CHECK(contains(text, "410.0 MiB live in 5 buffers, 2 processes tracked"));
    CHECK(contains(text, "gone"));
    CHECK(contains(text, "killed/_exit, 12 s\n"));
}

TEST_CASE("no line of the frame is wider than asked for") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = std::string(63, 'n');
    for (std::uint32_t device = 0; device < 40; device += 2) add_usage(snapshot.processes[0], device, dram, 5 * MiB, 1);
    for (const std::size_t columns : {20U, 40U, 80U, 100U, 200U}) {
        for (const std::string& line : make_frame(snapshot, {.columns = columns})) {
            CAPTURE(columns, line);
            CHECK(columns_of(line) <= columns);
        }
    }
}

TEST_CASE("80 columns show the peak of every memory in full") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].types[0].type = 5;  // CIRCULAR_BUFFER, the longest name
    CHECK(contains(frame_text(snapshot), " 300.0 MiB\n"));
}

TEST_CASE("devices that never held anything are shown on demand") {
    const stats::Snapshot snapshot = sample_snapshot();
    CHECK(contains(frame_text(snapshot), "1 device that never held anything"));
    CHECK(contains(frame_text(snapshot, {.all_devices = true}), "\n     9"));
}

TEST_CASE("a device that only ever refused an allocation is shown") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices.back().types = {memory(dram, 0, 0)};
    snapshot.devices.back().types[0].allocation_failures_total = 1;
    CHECK(contains(frame_text(snapshot), "\n     9"));
}

TEST_CASE("what does not pass the filter is not said not to be there") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices.clear();
    const std::string text = frame_text(snapshot, {.filter = "-d 42"});
    CHECK(contains(text, "\nonly -d 42: "));
    CHECK(contains(text, "none that passes -d 42"));
    CHECK_FALSE(contains(text, "none seen yet"));
}

TEST_CASE("lock-step use of neighbouring devices is shown as one group") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.processes = {process(30, "mesh")};
    for (std::uint32_t device = 0; device < 8; ++device) add_usage(snapshot.processes[0], device, dram, 100 * MiB, 1);
    CHECK(contains(frame_text(snapshot, {.columns = 120}), "0-7:DRAM 100.0 MiB each"));
}

TEST_CASE("losses and a dead aggregator are said in words") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.exact = false;
    snapshot.events.dropped = 4;
    snapshot.processes[0].exact = false;
    snapshot.aggregator_alive = false;
    const std::string text = frame_text(snapshot);
    CHECK(contains(text, "NOT EXACT"));
    CHECK(contains(text, "dropped 4"));
    CHECK(contains(text, "~ not exact: events were lost or rejected"));
    CHECK(contains(text, "THE AGGREGATOR IS GONE"));
    snapshot.devices[0].types[0].allocation_failures_total = 3;
    CHECK(contains(frame_text(snapshot), "dropped 4, processes not exact 1, allocation failures 3 on device 0"));
}

TEST_CASE("wide characters in a name move no column") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.processes = {process(30, "plain"), process(31, "\xE4\xB8\xAD\xE6\x96\x87")};
    for (stats::Process& one : snapshot.processes) add_usage(one, 7, l1, 5 * MiB, 1);
    std::vector<std::size_t> columns;
    for (const std::string& line : make_frame(snapshot, {})) {
        if (const auto where = line.find("7:L1"); where != std::string::npos) columns.push_back(columns_of(line.substr(0, where)));
    }
    REQUIRE(columns.size() == 2);
    CHECK(columns[0] == columns[1]);
}

TEST_CASE("an escape sequence in a command name does not reach the frame") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.processes[0].comm = "\x1B[31mred";
    CHECK_FALSE(contains(frame_text(snapshot), "\x1B"));
}

}  // namespace
}  // namespace trackshm::tools
