// SPDX-License-Identifier: Apache-2.0
#include "common/address_space.hpp"

#include <catch2/catch.hpp>
#include <iterator>
#include <map>
#include <random>

namespace trackshm::tools {
namespace {

constexpr std::uint64_t page = 4096;

TEST_CASE("an address space hands out the lowest address that fits and takes it back") {
    AddressSpace space(page, 10 * page, page);
    CHECK(space.allocate(1) == page);
    CHECK(space.allocate(2 * page) == 2 * page);
    CHECK(space.allocate(page) == 4 * page);
    CHECK(space.used_bytes() == 4 * page);
    CHECK(space.free(2 * page));
    CHECK(space.allocate(3 * page) == 5 * page);
    CHECK(space.allocate(page + 1) == 2 * page);
}

TEST_CASE("an address space refuses what does not fit and what is not allocated") {
    AddressSpace space(0, 4 * page, page);
    CHECK_FALSE(space.allocate(5 * page));
    CHECK_FALSE(space.allocate(~std::uint64_t{0}));
    CHECK_FALSE(space.free(0));
    REQUIRE(space.allocate(0) == 0);
    CHECK_FALSE(space.free(page));
    CHECK(space.free(0));
    CHECK_FALSE(space.free(0));
}

TEST_CASE("random allocations never overlap and leave one whole range when all are freed") {
    const auto seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    constexpr std::uint64_t capacity = 256 * page;
    AddressSpace space(page, capacity, page);
    std::map<std::uint64_t, std::uint64_t> live;  // address -> bytes
    for (int i = 0; i < 20'000; ++i) {
        if (random() % 2 == 0 || live.empty()) {
            const std::uint64_t bytes = (random() % 16 + 1) * page;
            const auto address = space.allocate(bytes);
            if (!address) continue;
            const auto next = live.lower_bound(*address);
            REQUIRE((next == live.end() || *address + bytes <= next->first));
            REQUIRE((next == live.begin() || std::prev(next)->first + std::prev(next)->second <= *address));
            live.emplace(*address, bytes);
        } else {
            const auto victim = std::next(live.begin(), static_cast<std::ptrdiff_t>(random() % live.size()));
            REQUIRE(space.free(victim->first));
            live.erase(victim);
        }
    }
    for (const auto& [address, bytes] : live) REQUIRE(space.free(address));
    CHECK(space.used_bytes() == 0);
    CHECK(space.allocate(capacity) == page);
}

}  // namespace
}  // namespace trackshm::tools
