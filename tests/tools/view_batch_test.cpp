// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_batch.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "common/text.hpp"
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
    CHECK(contains(text, "12 s ago, killed"));
}

TEST_CASE("no line of the frame is wider than asked for") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = std::string(63, 'n');
    for (std::uint32_t device = 0; device < 40; device += 2) add_usage(snapshot.processes[0], device, dram, 5 * MiB, 1);
    for (const std::size_t columns : {20U, 40U, 80U, 100U, 200U}) {
        for (const std::string& line : make_frame(snapshot, {.columns = columns})) {
            CAPTURE(columns, line);
            CHECK(text_width(line) <= columns);
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
}

TEST_CASE("an escape sequence in a command name does not reach the frame") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.processes[0].comm = "\x1B[31mred";
    CHECK_FALSE(contains(frame_text(snapshot), "\x1B"));
}

}  // namespace
}  // namespace trackshm::tools
