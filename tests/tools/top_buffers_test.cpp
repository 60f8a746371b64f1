// SPDX-License-Identifier: Apache-2.0
#include "segments/top_buffers.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <tuple>
#include <vector>

namespace trackshm::tools {
namespace {

LiveBuffer buffer(std::uint64_t size_bytes, std::uint64_t sequence) {
    LiveBuffer result;
    result.size_bytes = size_bytes;
    result.sequence = sequence;
    return result;
}

TEST_CASE("the largest buffers of many are kept, as sorting them all would") {
    const auto seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (const std::size_t limit : {1U, 7U, 100U}) {
        TopBuffersCollector collector(limit);
        std::vector<std::tuple<std::uint64_t, std::size_t, std::uint64_t>> all;  // size, owner, sequence
        for (std::uint64_t i = 0; i < 1000; ++i) {
            const std::uint64_t size = random() % 50;
            const std::size_t owner = random() % 3;
            collector.add(buffer(size, i), owner);
            all.emplace_back(size, owner, i);
        }
        std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
            return std::tie(std::get<0>(b), std::get<1>(a), std::get<2>(a)) <
                   std::tie(std::get<0>(a), std::get<1>(b), std::get<2>(b));
        });
        all.resize(limit);
        std::vector<std::tuple<std::uint64_t, std::size_t, std::uint64_t>> kept;
        for (const auto& one : collector.take()) {
            kept.emplace_back(one.buffer.size_bytes, one.owner, one.buffer.sequence);
        }
        CHECK(kept == all);
    }
}

TEST_CASE("a buffer that was moved while it was looked at is kept once") {
    TopBuffersCollector collector(3);
    for (int i = 0; i < 2; ++i) {
        for (std::uint64_t size = 1; size <= 4; ++size) collector.add(buffer(size, size), 0);
    }
    const auto kept = collector.take();
    REQUIRE(kept.size() == 3);
    CHECK(kept[0].buffer.size_bytes == 4);
    CHECK(kept[1].buffer.size_bytes == 3);
    CHECK(kept[2].buffer.size_bytes == 2);
}

TEST_CASE("equal sequences of two processes are two buffers") {
    TopBuffersCollector collector(3);
    collector.add(buffer(5, 1), 0);
    collector.add(buffer(5, 1), 1);
    CHECK(collector.take().size() == 2);
    TopBuffersCollector none(0);
    none.add(buffer(5, 1), 0);
    CHECK(none.take().empty());
}

}  // namespace
}  // namespace trackshm::tools
