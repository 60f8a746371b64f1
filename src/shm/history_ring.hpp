// SPDX-License-Identifier: Apache-2.0
//
// A ring of samples that one writer appends to and any number of readers copy, waiting for nobody; it is the only copy,
// and what a writer killed at any instruction leaves is what its successor goes on with.
//
//   writer                                        reader
//   W1 writing = p + 1              (release)     R1 e = end, b = begin           (acquire)
//   W2 slot[p % capacity] = ...     (release each) R2 copy slots of [max(b, e - capacity), e) (acquire each)
//   W3 end = p + 1                  (release)     R3 w = writing: drop positions below w - capacity
//
// A reader that saw a word of W2 for position p + capacity in the slot of p also sees that W2's W1, as in
// publication.hpp, so R3 drops p. A writer that died in W2 leaves `end` before the slot it tore.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shm/publication.hpp"

namespace trackshm::shm {

// Positions only grow; a slot's index is its position modulo the capacity.
template <class Atomics>
struct BasicHistoryPositions {
    using Counter = typename Atomics::template Shared<std::uint64_t>;
    Counter begin;  // what is before it was forgotten
    Counter end;
    Counter writing;
};
using HistoryPositions = BasicHistoryPositions<StdAtomics>;

template <class Positions, class SharedWord, class Sample>
void append_sample(Positions& positions, SharedWord* slots, std::uint64_t capacity, const Sample& sample) noexcept {
    const std::uint64_t position = positions.end.load(std::memory_order_relaxed);
    positions.writing.store(position + 1, std::memory_order_release);
    store_words(slots + position % capacity * (sizeof(Sample) / 8), &sample, sizeof sample);
    positions.end.store(position + 1, std::memory_order_release);
}

template <class Positions>
void forget_samples(Positions& positions) noexcept {
    positions.begin.store(positions.end.load(std::memory_order_relaxed), std::memory_order_release);
}

// Copies the newest samples into a vector, oldest first. Whatever the positions say, it reads no more than `capacity`
// slots.
template <class Samples, class Positions, class SharedWord>
void copy_samples(Samples& samples, const Positions& positions, const SharedWord* slots, std::uint64_t capacity) {
    using Sample = typename Samples::value_type;
    const std::uint64_t end = positions.end.load(std::memory_order_acquire);
    const std::uint64_t begin = positions.begin.load(std::memory_order_acquire);
    const std::uint64_t first = std::max(begin, end - std::min(end, capacity));
    samples.clear();
    if (first >= end) return;
    samples.resize(end - first);
    for (std::uint64_t position = first; position < end; ++position) {
        load_words(&samples[position - first], slots + position % capacity * (sizeof(Sample) / 8), sizeof(Sample));
    }
    const std::uint64_t writing = positions.writing.load(std::memory_order_acquire);
    const std::uint64_t whole = writing - std::min(writing, capacity);
    const std::uint64_t torn = whole > first ? std::min<std::uint64_t>(whole - first, samples.size()) : 0;
    samples.erase(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(torn));
}

}  // namespace trackshm::shm
