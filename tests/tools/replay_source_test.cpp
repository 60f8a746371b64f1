// SPDX-License-Identifier: Apache-2.0
#include "shmtop/replay_source.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "recording/recorder.hpp"
#include "support/temporary_directory.hpp"
#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A recording of ten frames, a second apart, and a clock that goes when it is told to.
class Playing {
public:
    Playing() {
        stats::Error error;
        auto recorder = Recorder::open(directory_ / "r", error);
        REQUIRE(recorder);
        for (std::uint64_t i = 0; i < 10; ++i) {
            stats::Snapshot snapshot = sample_snapshot();
            snapshot.time_unix_ns += i * 1'000'000'000;
            snapshot.publish_seq = i;
            REQUIRE(recorder->append(snapshot, {}, error));
        }
        recording_.emplace(*Recording::open(directory_ / "r", error));
        source.emplace(*recording_, [this] { return now_; });
    }

    void pass(milliseconds time) { now_ += time; }

    std::uint64_t shown() {
        stats::Snapshot snapshot;
        stats::Error error;
        REQUIRE(source->next(snapshot, error));
        return snapshot.publish_seq;
    }

    std::vector<std::uint64_t> skipped() {
        std::vector<std::uint64_t> frames;
        source->catch_up([&](const stats::Snapshot& past) { frames.push_back(past.publish_seq); });
        return frames;
    }

private:
    test::TemporaryDirectory directory_;
    std::optional<Recording> recording_;
    ReplaySource::Clock::time_point now_{};

public:
    std::optional<ReplaySource> source;
};

TEST_CASE("a recording plays at the pace at which it was recorded and stays at its end") {
    Playing playing;
    CHECK(playing.shown() == 0);
    playing.pass(milliseconds(999));
    CHECK(playing.shown() == 0);
    playing.pass(milliseconds(1));
    CHECK(playing.shown() == 1);
    CHECK(playing.source->status() == "replay 0:01 of 0:09, 1x");
    playing.pass(seconds(100));
    CHECK(playing.shown() == 9);
    CHECK(playing.source->status() == "replay 0:09 of 0:09, 1x");
}

TEST_CASE("a recording can be moved in, forwards, backwards and beyond its ends, while it plays and while it is paused") {
    Playing playing;
    for (const bool paused : {false, true}) {
        playing.source->set_paused(paused);
        playing.source->seek_by(seconds(5));
        CHECK(playing.shown() == 5);
        playing.source->seek_by(seconds(-2));
        CHECK(playing.shown() == 3);
        playing.source->seek_by(seconds(1000));
        CHECK(playing.shown() == 9);
        playing.source->seek_by(seconds(-1000));
        CHECK(playing.shown() == 0);
    }
    playing.pass(seconds(3));
    CHECK(playing.shown() == 0);
    playing.source->set_paused(false);
    playing.pass(seconds(3));
    CHECK(playing.shown() == 3);
}

TEST_CASE("a recording plays faster and slower from where it is") {
    Playing playing;
    playing.pass(seconds(1));
    playing.source->scale_speed(2);
    CHECK(playing.shown() == 1);
    playing.pass(seconds(2));
    CHECK(playing.shown() == 5);
    CHECK(playing.source->status() == "replay 0:05 of 0:09, 2x");
    playing.source->scale_speed(0.25);
    playing.pass(seconds(2));
    CHECK(playing.shown() == 6);
    CHECK(playing.source->status() == "replay 0:06 of 0:09, 0.5x");
    for (int i = 0; i < 100; ++i) playing.source->scale_speed(2);
    CHECK(playing.source->status() == "replay 0:06 of 0:09, 1024x");
}

TEST_CASE("after the end a recording goes on where it is moved back to") {
    Playing playing;
    playing.pass(seconds(100));
    CHECK(playing.shown() == 9);
    playing.source->seek_by(seconds(-4));
    CHECK(playing.shown() == 5);
    playing.pass(seconds(1));
    CHECK(playing.shown() == 6);
}

TEST_CASE("graphs are told what a recording skipped, and what came before where it was moved back") {
    using Frames = std::vector<std::uint64_t>;
    Playing playing;
    CHECK(playing.shown() == 0);
    CHECK(playing.skipped().empty());
    playing.pass(seconds(1));
    CHECK(playing.shown() == 1);
    CHECK(playing.skipped().empty());
    playing.source->seek_by(seconds(4));
    CHECK(playing.shown() == 5);
    CHECK(playing.skipped() == Frames{2, 3, 4});
    CHECK(playing.shown() == 5);
    CHECK(playing.skipped().empty());
    playing.source->seek_by(seconds(-2));
    CHECK(playing.shown() == 3);
    CHECK(playing.skipped() == Frames{0, 1, 2});
    playing.source->seek_by(seconds(-100));
    CHECK(playing.shown() == 0);
    CHECK(playing.skipped().empty());
}

}  // namespace
}  // namespace trackshm::tools
