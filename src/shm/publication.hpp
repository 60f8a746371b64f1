// SPDX-License-Identifier: Apache-2.0
//
// Two blocks and a generation: how one writer publishes a block of words to any number of readers that it never waits
// for, and that a writer killed at any instruction never blocks.
//
//   writer                                     reader
//   W1 writing = g + 1          (release)      R1 g = generation        (acquire)
//   W2 block[(g+1) & 1] = ...   (release each) R2 copy block[g & 1]     (acquire each)
//   W3 generation = g + 1       (release)      R3 writing >= g + 2 ?    then the block was being rewritten: again
//
// A reader that saw a word of W2 for generation g + 2 also sees that W2's W1, because each word is a release store
// after it and each load an acquire: so R3 catches it. It retries only if the writer went on by two. A writer that died
// in W2 leaves `generation` on the other, complete block. (A sequence lock, by contrast, stays odd for ever then.)
// Acquire and release on every word are plain moves on x86-64; no fence is used, so ThreadSanitizer follows it all.
// Modelled in tests/models/publication_model.cpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "shm/atomics.hpp"

namespace trackshm::shm {

using Word = StdAtomics::Shared<std::uint64_t>;
static_assert(sizeof(Word) == 8);

// Copies `bytes` (a multiple of 8) into shared words.
template <class SharedWord>
void store_words(SharedWord* target, const void* source, std::size_t bytes) noexcept {
    const auto* from = static_cast<const std::byte*>(source);
    for (std::size_t i = 0; i < bytes / 8; ++i) {
        std::uint64_t word;
        std::memcpy(&word, from + 8 * i, 8);
        target[i].store(word, std::memory_order_release);
    }
}

template <class SharedWord>
void load_words(void* target, const SharedWord* source, std::size_t bytes) noexcept {
    auto* to = static_cast<std::byte*>(target);
    for (std::size_t i = 0; i < bytes / 8; ++i) {
        const std::uint64_t word = source[i].load(std::memory_order_acquire);
        std::memcpy(to + 8 * i, &word, 8);
    }
}

// The writer's side. One at a time; what a dead predecessor left in `writing` is of no consequence.
template <class Atomics>
class BasicPublication {
public:
    using Counter = typename Atomics::template Shared<std::uint64_t>;

    BasicPublication(Counter& generation, Counter& writing) noexcept
        : generation_(generation), writing_(writing) {}

    // Index of the block to write now.
    std::size_t begin() noexcept {
        next_ = generation_.load(std::memory_order_relaxed) + 1;
        writing_.store(next_, std::memory_order_release);
        return next_ & 1;
    }
    void end() noexcept { generation_.store(next_, std::memory_order_release); }

private:
    Counter& generation_;
    Counter& writing_;
    std::uint64_t next_ = 0;
};
using Publication = BasicPublication<StdAtomics>;

// The reader's side. Calls copy(index) until what it copied is of one publication; false after `attempts`.
template <class Counter, class Copy>
bool read_published(const Counter& generation, const Counter& writing, int attempts, Copy&& copy) {
    for (int i = 0; i < attempts; ++i) {
        const std::uint64_t current = generation.load(std::memory_order_acquire);
        copy(static_cast<std::size_t>(current & 1));
        if (writing.load(std::memory_order_acquire) < current + 2) return true;
    }
    return false;
}

}  // namespace trackshm::shm
