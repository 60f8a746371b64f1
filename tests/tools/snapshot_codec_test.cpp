// SPDX-License-Identifier: Apache-2.0
#include "recording/snapshot_codec.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>

#include "recording/frame.hpp"
#include "shm/details_abi.hpp"
#include "shm/stats_abi.hpp"
#include "tools/random_snapshots.hpp"
#include "tools/snapshot_equality.hpp"
#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

std::uint64_t seed() {
    static const std::uint64_t value = std::random_device{}();
    return value;
}

TEST_CASE("every member of a snapshot and its details survives encoding") {
    INFO("seed " << seed());
    RandomSnapshots random(seed());
    for (int i = 0; i < 2000; ++i) {
        const stats::Snapshot snapshot = random.snapshot();
        const stats::Details details = random.details();
        stats::Snapshot decoded;
        stats::Details decoded_details;
        REQUIRE(decode_snapshot(encode_snapshot(snapshot, details), decoded, decoded_details));
        REQUIRE(decoded == snapshot);
        REQUIRE(decoded_details == details);
    }
}

TEST_CASE("the past of a device is left out: a recording has its other frames for that") {
    stats::Details details;
    details.devices.emplace_back().seconds.resize(600);
    stats::Snapshot decoded;
    stats::Details decoded_details;
    REQUIRE(decode_snapshot(encode_snapshot(sample_snapshot(), details), decoded, decoded_details));
    REQUIRE(decoded_details.devices.size() == 1);
    CHECK(decoded_details.devices[0].seconds.empty());
}

TEST_CASE("bytes that are cut short or go on are no snapshot") {
    RandomSnapshots random(seed());
    const std::string bytes = encode_snapshot(random.snapshot(), random.details());
    stats::Snapshot snapshot = sample_snapshot();
    stats::Details details;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        REQUIRE_FALSE(decode_snapshot(bytes.substr(0, size), snapshot, details));
    }
    CHECK(snapshot == stats::Snapshot{});
    CHECK_FALSE(decode_snapshot(bytes + '\0', snapshot, details));
    CHECK(decode_snapshot(bytes, snapshot, details));
}

TEST_CASE("a namespace that cannot be one is refused: it is shown as it is") {
    for (const char* name : {"", "two words", "a.b", "\x1b[2J", "\xFF", "a-name-of-more-than-32-characters"}) {
        stats::Snapshot snapshot = sample_snapshot();
        snapshot.name_space = name;
        stats::Snapshot decoded;
        stats::Details details;
        CHECK_FALSE(decode_snapshot(encode_snapshot(snapshot, {}), decoded, details));
        CHECK(decoded == stats::Snapshot{});
    }
}

TEST_CASE("damaged bytes are refused or decode to something, and never do harm") {
    INFO("seed " << seed());
    RandomSnapshots random(seed());
    std::mt19937_64 damage(seed());
    stats::Snapshot snapshot;
    stats::Details details;
    std::size_t refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = encode_snapshot(random.snapshot(), random.details());
        for (std::uint64_t flips = damage() % 8 + 1; flips > 0; --flips) {
            bytes[damage() % bytes.size()] ^= static_cast<char>(1 << damage() % 8);
        }
        refused += decode_snapshot(bytes, snapshot, details) ? 0 : 1;
    }
    CHECK(refused > 0);
}

TEST_CASE("counts beyond what is there cost nothing") {
    // A name, eleven figures and nine events, then 2^63 devices.
    const std::string bytes = "\x01n" + std::string(20, '\0') + std::string(9, '\x80') + "\x01";
    stats::Snapshot snapshot;
    stats::Details details;
    CHECK_FALSE(decode_snapshot(bytes, snapshot, details));
    CHECK(snapshot.devices.empty());
}

TEST_CASE("a list may be as long as an aggregator's, and no longer") {
    struct List {
        std::size_t limit;
        void (*resize)(stats::Snapshot& snapshot, stats::Details& details, std::size_t rows);
    };
    const auto list = GENERATE(
        List{shm::max_devices, [](auto& snapshot, auto&, auto rows) { snapshot.devices.resize(rows); }},
        List{shm::type_count, [](auto& snapshot, auto&, auto rows) { snapshot.devices[0].types.resize(rows); }},
        List{shm::max_processes, [](auto& snapshot, auto&, auto rows) { snapshot.processes.resize(rows); }},
        List{shm::max_usage_rows,
             [](auto& snapshot, auto&, auto rows) {
                 snapshot.processes[0].usage.resize(rows / 2);
                 snapshot.processes[1].usage.resize(rows - rows / 2);
             }},
        List{shm::max_exited, [](auto& snapshot, auto&, auto rows) { snapshot.exited.resize(rows); }},
        List{shm::max_devices, [](auto&, auto& details, auto rows) { details.devices.resize(rows); }},
        List{shm::type_count, [](auto&, auto& details, auto rows) { details.devices[0].types.resize(rows); }},
        List{shm::size_class_count,
             [](auto&, auto& details, auto rows) { details.devices[0].types[0].size_histogram.resize(rows); }},
        List{stats::max_peak_holders,
             [](auto&, auto& details, auto rows) { details.devices[0].at_peak->holders.resize(rows); }},
        List{stats::max_large_buffers,
             [](auto&, auto& details, auto rows) { details.devices[0].last_failure->largest.resize(rows); }});
    stats::Snapshot snapshot = sample_snapshot();
    stats::Details details = sample_details();
    stats::Snapshot decoded;
    stats::Details decoded_details;
    list.resize(snapshot, details, list.limit);
    CHECK(decode_snapshot(encode_snapshot(snapshot, details), decoded, decoded_details));
    list.resize(snapshot, details, list.limit + 1);
    CHECK_FALSE(decode_snapshot(encode_snapshot(snapshot, details), decoded, decoded_details));
}

TEST_CASE("a frame is its snapshot, compressed, and nothing but that") {
    RandomSnapshots random(seed());
    const stats::Snapshot snapshot = random.snapshot();
    const stats::Details details = random.details();
    const std::string frame = make_frame_bytes(snapshot, details);
    FrameHeader header;
    std::memcpy(&header, frame.data(), sizeof header);
    CHECK(header.stored_bytes == frame.size() - sizeof header);
    CHECK(header.time_unix_ns == snapshot.time_unix_ns);
    CHECK(header.crc32 == frame_crc(header, frame.data() + sizeof header));

    stats::Snapshot read;
    stats::Details read_details;
    const std::string stored = frame.substr(sizeof header);
    CHECK(read_frame_bytes(header, stored, read, read_details));
    CHECK(read == snapshot);
    for (const std::int64_t wrong : {-1, 1, 1 << 30}) {
        FrameHeader lying = header;
        lying.raw_bytes = static_cast<std::uint32_t>(lying.raw_bytes + wrong);
        CHECK_FALSE(read_frame_bytes(lying, stored, read, read_details));
    }
    CHECK_FALSE(read_frame_bytes(header, "no zlib stream", read, read_details));
}

TEST_CASE("a busy machine's frame is a few KiB") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices.assign(8, snapshot.devices.front());
    snapshot.processes.assign(100, snapshot.processes.back());
    CHECK(make_frame_bytes(snapshot, {}).size() < 8192);
}

}  // namespace
}  // namespace trackshm::tools
