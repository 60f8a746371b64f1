// SPDX-License-Identifier: Apache-2.0
#include "recording/recording.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>

#include "recording/frame.hpp"
#include "recording/recorder.hpp"
#include "recording/recorded_frames.hpp"
#include "support/temporary_directory.hpp"
#include "tools/random_snapshots.hpp"
#include "tools/snapshot_equality.hpp"
#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::TemporaryDirectory;
using test::write_file;

constexpr std::uint64_t second = 1'000'000'000;

stats::Snapshot frame(std::uint64_t number) {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.time_unix_ns = 1000 * second + number * second;
    snapshot.publish_seq = number;
    return snapshot;
}

void record(const std::string& path, std::uint64_t first, std::uint64_t count) {
    stats::Error error;
    auto recorder = Recorder::open(path, error);
    INFO(error.message);
    REQUIRE(recorder);
    for (std::uint64_t i = 0; i < count; ++i) REQUIRE(recorder->append(frame(first + i), {}, error));
}

// The publish_seq of every frame, in order.
std::vector<std::uint64_t> frames_of(const std::string& path) {
    stats::Error error;
    const auto recording = Recording::open(path, error);
    std::vector<std::uint64_t> result;
    if (!recording) return result;
    stats::Snapshot snapshot;
    stats::Details details;
    for (std::size_t i = 0; i < recording->frames().size(); ++i) {
        REQUIRE(recording->read(i, snapshot, details, error));
        result.push_back(snapshot.publish_seq);
    }
    return result;
}

std::string damage_of(const std::string& path) {
    stats::Error error;
    const auto recording = Recording::open(path, error);
    return recording ? recording->damage() : error.message;
}

using Numbers = std::vector<std::uint64_t>;

TEST_CASE("what was recorded is read back, across several recorders") {
    const TemporaryDirectory directory;
    const std::string path = directory / "r";
    RandomSnapshots random(std::random_device{}());
    std::vector<stats::Snapshot> snapshots;
    std::vector<stats::Details> details;
    stats::Error error;
    for (int run = 0; run < 3; ++run) {
        auto recorder = Recorder::open(path, error);
        REQUIRE(recorder);
        for (int i = 0; i < 5; ++i) {
            snapshots.push_back(random.snapshot());
            details.push_back(random.details());
            REQUIRE(recorder->append(snapshots.back(), details.back(), error));
        }
    }
    const auto recording = Recording::open(path, error);
    REQUIRE(recording);
    CHECK(recording->damage().empty());
    REQUIRE(recording->frames().size() == snapshots.size());
    for (std::size_t i = 0; i < snapshots.size(); ++i) {
        stats::Snapshot snapshot;
        stats::Details read_details;
        REQUIRE(recording->read(i, snapshot, read_details, error));
        CHECK(snapshot == snapshots[i]);
        CHECK(read_details == details[i]);
        CHECK(recording->frames()[i].time_unix_ns == snapshots[i].time_unix_ns);
    }
}

TEST_CASE("a recording that is cut anywhere is read to its last whole frame and continued after it") {
    const TemporaryDirectory directory;
    const std::string whole_path = directory / "whole";
    record(whole_path, 0, 3);
    const std::string whole = read_file(whole_path);
    stats::Error error;
    const auto recording = Recording::open(whole_path, error);
    REQUIRE(recording);
    std::vector<std::size_t> ends;  // of the header and of every frame
    for (const FramePosition& position : recording->frames()) ends.push_back(position.offset);
    ends.push_back(whole.size());
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const std::string path = directory / "cut";
        write_file(path, whole.substr(0, size));
        Numbers expected;
        for (std::size_t i = 1; i < ends.size() && ends[i] <= size; ++i) expected.push_back(i - 1);
        CAPTURE(size);
        REQUIRE(frames_of(path) == expected);
        const bool is_cut = std::find(ends.begin() + 1, ends.end(), size) == ends.end();
        REQUIRE(damage_of(path).empty() != is_cut);
        if (size % 7 != 0) continue;
        record(path, 10, 1);
        expected.push_back(10);
        REQUIRE(frames_of(path) == expected);
        REQUIRE(damage_of(path).empty());
    }
}

TEST_CASE("a recording with any bit flipped is read up to the damage") {
    const TemporaryDirectory directory;
    record(directory / "whole", 0, 3);
    const std::string whole = read_file(directory / "whole");
    for (std::size_t bit = 0; bit < 8 * whole.size(); bit += 5) {
        std::string damaged = whole;
        damaged[bit / 8] ^= static_cast<char>(1 << bit % 8);
        write_file(directory / "damaged", damaged);
        const Numbers frames = frames_of(directory / "damaged");
        CAPTURE(bit);
        const bool is_in_unused_part = bit / 8 >= 12 && bit / 8 < 16;
        REQUIRE((frames.size() < 3 || is_in_unused_part || frames == Numbers{0, 1, 2}));
        for (std::size_t i = 0; i < frames.size(); ++i) REQUIRE(frames[i] == i);
    }
}

TEST_CASE("a frame whose CRC is right and whose contents are not is told of") {
    const TemporaryDirectory directory;
    record(directory / "r", 0, 1);
    FrameHeader header;
    const std::string stored = "anything";
    header.stored_bytes = static_cast<std::uint32_t>(stored.size());
    header.raw_bytes = 100;
    header.crc32 = frame_crc(header, stored.data());
    std::string bytes(sizeof header, '\0');
    std::memcpy(bytes.data(), &header, sizeof header);
    write_file(directory / "r", read_file(directory / "r") + bytes + stored);

    stats::Error error;
    const auto recording = Recording::open(directory / "r", error);
    REQUIRE(recording);
    RecordedFrames frames(*recording, 0);
    stats::Snapshot snapshot;
    stats::Details details;
    CHECK(frames.next(snapshot, details, error) == FrameResult::frame);
    CHECK(frames.next(snapshot, details, error) == FrameResult::failed);
    CHECK(error.message.find("frame 2") != std::string::npos);
}

TEST_CASE("what is no recording is refused by readers and recorders, and left as it is") {
    const TemporaryDirectory directory;
    stats::Error error;
    const std::string text = "time_unix_ns,namespace,device\n1,default,0\n";
    write_file(directory / "text", text);
    CHECK_FALSE(Recording::open(directory / "text", error));
    CHECK(error.exit_code() == 1);
    CHECK(error.message.find("no recording") != std::string::npos);
    CHECK_FALSE(Recorder::open(directory / "text", error));
    CHECK(read_file(directory / "text") == text);

    write_file(directory / "empty", "");
    CHECK_FALSE(Recording::open(directory / "empty", error));
    CHECK(error.message.find("no whole frame") != std::string::npos);
    CHECK_FALSE(Recording::open(directory / "missing", error));
    CHECK_FALSE(Recording::open(directory / "", error));
    CHECK_FALSE(Recorder::open("/dev/null", error));
}

TEST_CASE("a recording of another version is refused as incompatible") {
    const TemporaryDirectory directory;
    record(directory / "r", 0, 1);
    std::string bytes = read_file(directory / "r");
    bytes[8] = 77;
    write_file(directory / "r", bytes);
    stats::Error error;
    CHECK_FALSE(Recording::open(directory / "r", error));
    CHECK(error.exit_code() == 5);
    CHECK(error.message.find("version 77") != std::string::npos);
    CHECK_FALSE(Recorder::open(directory / "r", error));
    CHECK(error.exit_code() == 5);
    CHECK(read_file(directory / "r") == bytes);
}

TEST_CASE("two recorders do not share a file") {
    const TemporaryDirectory directory;
    stats::Error error;
    const auto first = Recorder::open(directory / "r", error);
    REQUIRE(first);
    CHECK_FALSE(Recorder::open(directory / "r", error));
    CHECK(error.message.find("another process") != std::string::npos);
}

TEST_CASE("a moment is the last frame that is not later") {
    const TemporaryDirectory directory;
    record(directory / "r", 0, 5);
    stats::Error error;
    const auto recording = Recording::open(directory / "r", error);
    REQUIRE(recording);
    CHECK(recording->frame_at(0) == 0);
    CHECK(recording->frame_at(1000 * second) == 0);
    CHECK(recording->frame_at(1002 * second) == 2);
    CHECK(recording->frame_at(1002 * second + 1) == 2);
    CHECK(recording->frame_at(~std::uint64_t{0}) == 4);
}

TEST_CASE("a number of frames is the last ones, zero is all") {
    const TemporaryDirectory directory;
    record(directory / "r", 0, 4);
    stats::Error error;
    const auto recording = Recording::open(directory / "r", error);
    REQUIRE(recording);
    const auto played = [&](std::uint64_t iterations) {
        RecordedFrames frames(*recording, iterations);
        Numbers result;
        stats::Snapshot snapshot;
        stats::Details details;
        while (frames.next(snapshot, details, error) == FrameResult::frame) result.push_back(snapshot.publish_seq);
        return result;
    };
    CHECK(played(1) == Numbers{3});
    CHECK(played(3) == Numbers{1, 2, 3});
    CHECK(played(0) == Numbers{0, 1, 2, 3});
    CHECK(played(99) == Numbers{0, 1, 2, 3});
}

}  // namespace
}  // namespace trackshm::tools
