// SPDX-License-Identifier: Apache-2.0
#include "shm/publication.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <thread>

namespace trackshm::shm {

namespace {

constexpr std::size_t words = 64;

struct Shared {
    std::atomic<std::uint64_t> generation{0};
    std::atomic<std::uint64_t> writing{0};
    std::array<std::array<Word, words>, 2> blocks{};
};

void publish(Shared& shared, std::uint64_t value) {
    std::array<std::uint64_t, words> block;
    block.fill(value);
    Publication publication(shared.generation, shared.writing);
    store_words(shared.blocks[publication.begin()].data(), block.data(), sizeof block);
    publication.end();
}

using Copy = std::array<std::uint64_t, words>;

bool read(const Shared& shared, Copy& copy) {
    return read_published(shared.generation, shared.writing, 1000,
                          [&](std::size_t index) { load_words(copy.data(), shared.blocks[index].data(), sizeof copy); });
}

}  // namespace

TEST_CASE("a reader sees what was published last") {
    Shared shared;
    Copy copy;
    for (std::uint64_t value = 1; value < 5; ++value) {
        publish(shared, value);
        REQUIRE(read(shared, copy));
        CHECK(copy.front() == value);
        CHECK(copy.back() == value);
    }
}

TEST_CASE("a writer that died while it wrote leaves readers the publication before, and its successor goes on") {
    Shared shared;
    publish(shared, 1);
    Publication dying(shared.generation, shared.writing);
    const std::uint64_t garbage = 99;
    store_words(shared.blocks[dying.begin()].data(), &garbage, sizeof garbage);

    Copy copy;
    REQUIRE(read(shared, copy));
    CHECK(copy.front() == 1);
    publish(shared, 2);
    REQUIRE(read(shared, copy));
    CHECK(copy.front() == 2);
}

TEST_CASE("what a reader copies beside a busy writer is always of one publication and never older than the last") {
    Shared shared;
    publish(shared, 1);
    std::atomic<bool> done{false};
    std::thread writer([&] {
        for (std::uint64_t value = 2; value < 200000; ++value) publish(shared, value);
        done = true;
    });
    std::uint64_t torn = 0;
    std::uint64_t backwards = 0;
    std::uint64_t newest = 0;
    Copy copy;
    while (!done) {
        if (!read(shared, copy)) continue;
        for (const std::uint64_t word : copy) torn += word != copy.front();
        backwards += copy.front() < newest;
        newest = copy.front();
    }
    writer.join();
    CHECK(torn == 0);
    CHECK(backwards == 0);
}

}  // namespace trackshm::shm
