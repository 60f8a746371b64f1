// SPDX-License-Identifier: Apache-2.0
#include "shm/history_ring.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

namespace trackshm::shm {
namespace {

struct TestSample {
    std::uint64_t number;
    std::uint64_t copies[3];
};

TestSample sample(std::uint64_t number) { return {number, {number, number, number}}; }

template <std::uint64_t capacity>
struct RingOf {
    HistoryPositions positions{};
    std::array<Word, capacity * sizeof(TestSample) / 8> slots{};

    void append(std::uint64_t number) { append_sample(positions, slots.data(), capacity, sample(number)); }
    std::vector<std::uint64_t> numbers() const {
        std::vector<TestSample> copied;
        copy_samples(copied, positions, slots.data(), capacity);
        std::vector<std::uint64_t> result;
        for (const TestSample& s : copied) result.push_back(s.number);
        return result;
    }
};

constexpr std::uint64_t capacity = 8;
using Ring = RingOf<capacity>;
using Numbers = std::vector<std::uint64_t>;

TEST_CASE("a history has its samples in order, and the newest ones once it is full") {
    Ring ring;
    CHECK(ring.numbers().empty());
    for (std::uint64_t i = 1; i <= 3; ++i) ring.append(i);
    CHECK(ring.numbers() == Numbers{1, 2, 3});
    for (std::uint64_t i = 4; i <= 20; ++i) ring.append(i);
    CHECK(ring.numbers() == Numbers{13, 14, 15, 16, 17, 18, 19, 20});
}

TEST_CASE("a forgotten history is empty and goes on with what comes next") {
    Ring ring;
    for (std::uint64_t i = 1; i <= 11; ++i) ring.append(i);
    forget_samples(ring.positions);
    CHECK(ring.numbers().empty());
    ring.append(12);
    CHECK(ring.numbers() == Numbers{12});
}

TEST_CASE("a writer that died in a sample costs the oldest one, and its successor overwrites the torn slot") {
    Ring ring;
    for (std::uint64_t i = 1; i <= 8; ++i) ring.append(i);
    ring.positions.writing = 9;  // W1 and a part of W2
    ring.slots[1] = 999;
    CHECK(ring.numbers() == Numbers{2, 3, 4, 5, 6, 7, 8});
    ring.append(9);
    CHECK(ring.numbers() == Numbers{2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("positions that cannot be true cost no more than a ring's worth of reading") {
    Ring ring;
    for (const std::uint64_t end : {~std::uint64_t{0}, std::uint64_t{1} << 63}) {
        ring.positions.end = end;
        ring.positions.writing = end;
        CHECK(ring.numbers().size() <= capacity);
        ring.positions.writing = ~std::uint64_t{0};
        CHECK(ring.numbers().size() <= capacity);
    }
    ring.positions.end = 3;
    ring.positions.begin = 10;
    CHECK(ring.numbers().empty());
}

TEST_CASE("a reader beside a fast writer gets whole samples in a row") {
    constexpr std::uint64_t many = 4096;  // else each copy is overtaken by a whole turn
    const auto ring = std::make_unique<RingOf<many>>();
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        for (std::uint64_t i = 1; !stop.load(std::memory_order_relaxed); ++i) ring->append(i);
    });
    bool is_whole = true;
    bool is_in_a_row = true;
    std::uint64_t samples = 0;
    for (int i = 0; i < 500 || samples < many; ++i) {
        std::vector<TestSample> copied;
        copy_samples(copied, ring->positions, ring->slots.data(), many);
        samples += copied.size();
        for (std::size_t at = 0; at < copied.size(); ++at) {
            for (const std::uint64_t copy : copied[at].copies) is_whole = is_whole && copy == copied[at].number;
            is_in_a_row = is_in_a_row && (at == 0 || copied[at].number == copied[at - 1].number + 1);
        }
    }
    stop = true;
    writer.join();
    CHECK(is_whole);
    CHECK(is_in_a_row);
    CHECK(samples > 0);
}

}  // namespace
}  // namespace trackshm::shm
