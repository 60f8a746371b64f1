// SPDX-License-Identifier: Apache-2.0
//
// The past as readers will find it, with a clock that the tests set.
#include "aggregator/history.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <random>

#include "aggregator/accounted.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t start = 1000 * second;

// A stats segment of nothing but room for history.
class Past {
public:
    Past() : process_(accounted_.make_process(1)) {
        const std::string name = temporary_segment_name("t", getpid(), random_nonce());
        REQUIRE(stats_.create(name, stats_segment_bytes, page_bytes) == SegmentStatus::ok);
        stats_.unlink();
        REQUIRE(stats_.reserve(history_headers_offset, max_devices * sizeof(HistoryHeader)) == SegmentStatus::ok);
        restart(start);
    }

    void restart(std::uint64_t now_ns) {
        history_.emplace(stats_);
        history_->open(accounted_.ledger(), now_ns);
    }
    void apply(const std::vector<Event>& events) { accounted_.apply(*process_, events); }
    // True if it took a sample.
    bool turn(std::uint64_t now_ns) {
        const bool is_due = history_->is_due(now_ns);
        if (is_due) history_->sample(accounted_.ledger(), now_ns);
        return is_due;
    }
    Ledger& ledger() { return accounted_.ledger(); }
    History& history() { return *history_; }
    Segment& stats() { return stats_; }

    std::vector<HistorySample> samples(std::uint32_t place, bool of_ten_seconds) {
        const auto& header = stats_.at<const HistoryHeader>(history_headers_offset)[place];
        const std::uint64_t rings = history_offset + place * history_bytes;
        std::vector<HistorySample> result;
        if (of_ten_seconds) {
            copy_samples(result, header.ten_seconds, stats_.at<const Word>(rings + ten_second_samples_offset),
                         ten_second_samples);
        } else {
            copy_samples(result, header.seconds, stats_.at<const Word>(rings), second_samples);
        }
        return result;
    }

private:
    Accounted accounted_;
    std::unique_ptr<TrackedProcess> process_;
    Segment stats_;
    std::optional<History> history_;
};

}  // namespace

TEST_CASE("a sample has what is live, the peak since the one before, and the totals") {
    Past past;
    past.apply({allocation(7, 0, 100, 1), allocation(7, 1, 900, 2), free_by_id(2)});
    CHECK_FALSE(past.turn(start + second - 1));
    CHECK(past.turn(start + second));
    past.apply({allocation(7, 0, 50, 3)});
    CHECK(past.turn(start + 2 * second));
    CHECK(past.turn(start + 3 * second));

    const auto samples = past.samples(0, false);
    REQUIRE(samples.size() == 3);
    CHECK(samples[0].monotonic_ns == start + second);
    CHECK(samples[0].live_bytes == 100);
    CHECK(samples[0].peak_bytes == 1000);
    CHECK(samples[0].allocations == 2);
    CHECK(samples[0].allocated_bytes == 1000);
    CHECK(samples[0].deallocations == 1);
    CHECK(samples[1].live_bytes == 150);
    CHECK(samples[1].peak_bytes == 150);
    CHECK(samples[2].peak_bytes == 150);
    CHECK(samples[2].allocations == 3);
}

TEST_CASE("a sample of ten seconds has the peak of all of them") {
    Past past;
    for (std::uint64_t s = 1; s <= 20; ++s) {
        past.apply({allocation(0, 0, s == 4 ? 5000 : 10, 1), free_by_id(1)});
        past.turn(start + s * second);
    }
    const auto tens = past.samples(0, true);
    REQUIRE(tens.size() == 2);
    CHECK(tens[0].monotonic_ns == start + 10 * second);
    CHECK(tens[0].peak_bytes == 5000);
    CHECK(tens[1].peak_bytes == 10);
    CHECK(tens[1].allocations == 20);
}

TEST_CASE("hours later the newest samples are there, ten minutes of seconds and two hours of tens") {
    Past past;
    past.apply({allocation(0, 0, 1, 1)});
    constexpr std::uint64_t seconds = 3 * 3600;
    for (std::uint64_t s = 1; s <= seconds; ++s) past.turn(start + s * second);
    const auto samples = past.samples(0, false);
    REQUIRE(samples.size() >= stats::max_second_samples);
    CHECK(samples.back().monotonic_ns == start + seconds * second);
    CHECK(samples[samples.size() - stats::max_second_samples].monotonic_ns ==
          start + (seconds - stats::max_second_samples + 1) * second);
    const auto tens = past.samples(0, true);
    REQUIRE(tens.size() >= stats::max_ten_second_samples);
    CHECK(tens[tens.size() - stats::max_ten_second_samples].monotonic_ns <= start + (seconds - 7200 + 10) * second);
}

TEST_CASE("a successor goes on with the past, and the time nobody sampled in is a gap") {
    Past past;
    past.apply({allocation(5, 0, 100, 1)});
    for (std::uint64_t s = 1; s <= 12; ++s) past.turn(start + s * second);
    past.apply({allocation(5, 0, 700, 2), free_by_id(2)});
    past.restart(start + 60 * second);
    CHECK_FALSE(past.turn(start + 60 * second + second / 2));
    CHECK(past.turn(start + 61 * second));
    const auto samples = past.samples(0, false);
    REQUIRE(samples.size() == 13);
    CHECK(samples[12].monotonic_ns - samples[11].monotonic_ns == 49 * second);
    CHECK(samples[12].peak_bytes == 800);  // applied, but not sampled by the one before

    // The peak of the seconds that its predecessor saw belongs to the next ten.
    for (std::uint64_t s = 62; s <= 72; ++s) past.turn(start + s * second);
    const auto tens = past.samples(0, true);
    REQUIRE(tens.size() >= 2);
    CHECK(tens[0].monotonic_ns == start + 10 * second);
    CHECK(tens[1].peak_bytes == 800);
}

TEST_CASE("restarts in quick succession do not keep samples of ten seconds from being taken") {
    Past past;
    past.apply({allocation(5, 0, 100, 1)});
    for (std::uint64_t s = 1; s <= 60; ++s) {
        past.turn(start + s * second);
        if (s >= 10 && s % 3 == 0) past.restart(start + s * second);
    }
    CHECK(past.samples(0, true).size() >= 4);
}

TEST_CASE("a history of another ledger is forgotten") {
    Past past;
    past.apply({allocation(5, 0, 100, 1)});
    past.turn(start + second);
    REQUIRE(past.samples(0, false).size() == 1);
    Accounted other;
    History history(past.stats());
    history.open(other.ledger(), start + 2 * second);
    CHECK(past.samples(0, false).empty());
    CHECK(past.stats().at<const HistoryHeader>(history_headers_offset)->device_and_one == 0);
}

TEST_CASE("devices have their histories in places of their own, whatever order they come in") {
    Past past;
    past.apply({allocation(9, 0, 9, 1)});
    past.turn(start + second);
    past.apply({allocation(2, 0, 2, 2), allocation(65535, 0, 35, 3)});
    past.turn(start + 2 * second);
    past.restart(start + 3 * second);
    past.turn(start + 4 * second);
    const auto* headers = past.stats().at<const HistoryHeader>(history_headers_offset);
    const std::map<std::uint64_t, std::uint64_t> live{{10, 9}, {3, 2}, {65536, 35}};
    for (std::uint32_t place = 0; place < 3; ++place) {
        const std::uint64_t tag = headers[place].device_and_one;
        CAPTURE(place, tag);
        REQUIRE(live.contains(tag));
        CHECK(past.samples(place, false).size() == (tag == 10 ? 3 : 2));
        CHECK(past.samples(place, false).back().live_bytes == live.at(tag));
    }
    CHECK(headers[3].device_and_one == 0);
}

TEST_CASE("the peaks of the last seconds agree with every event written down") {
    const std::uint64_t seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    Past past;
    struct Level {
        std::uint64_t second;
        std::uint64_t bytes;
    };
    std::vector<Level> levels;  // what was live in each second, at every event and at its beginning
    std::uint64_t live = 0;
    std::map<std::uint64_t, std::uint64_t> buffers;
    const auto note = [&](std::uint64_t s) { levels.push_back({s, live}); };
    for (std::uint64_t s = 0; s < 300; ++s) {
        note(s);
        for (std::uint64_t i = below(3); i > 0; --i) {
            const std::uint64_t id = below(10);
            if (buffers.contains(id)) {
                live -= buffers.at(id);
                buffers.erase(id);
                past.apply({free_by_id(id)});
            } else {
                buffers[id] = below(std::uint64_t{1} << below(20));
                live += buffers[id];
                past.apply({allocation(0, 0, buffers[id], id)});
            }
            note(s);
        }
        if (past.ledger().header().devices == 0) continue;
        const auto most_since = [&](std::uint64_t seconds) {
            std::uint64_t most = 0;
            for (const Level& level : levels) {
                if (level.second + seconds >= s) most = std::max(most, level.bytes);
            }
            return most;
        };
        const History::RecentPeaks peaks = past.history().recent_peaks(past.ledger(), 0);
        REQUIRE(peaks.of_15s == most_since(15));
        REQUIRE(peaks.of_60s == most_since(60));
        past.turn(start + (s + 1) * second);
        if (below(50) == 0) past.restart(start + (s + 1) * second);
    }
}

}  // namespace trackshm::aggregator
