// SPDX-License-Identifier: Apache-2.0
//
// What the two readers of a stats segment share: the mapping, and the copying of rows.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <trackshm/stats.hpp>
#include <vector>

#include "shm/os.hpp"
#include "shm/publication.hpp"
#include "shm/segment.hpp"

namespace trackshm::stats {

struct Reader::Mapping {
    shm::Segment segment;
    std::string name_space;
};

template <std::size_t size>
std::string text_of(const char (&text)[size]) {
    return {text, strnlen(text, size)};
}

inline const shm::Word* words_at(const std::byte* at) { return reinterpret_cast<const shm::Word*>(at); }

// As many rows as a header counts that may be torn: it may say anything until the copy is known to be good, so this
// stays inside the section.
template <class Row>
void copy_rows(std::vector<Row>& rows, const std::byte* from, std::uint64_t count, std::uint64_t limit) {
    rows.resize(std::min(count, limit));
    shm::load_words(rows.data(), words_at(from), rows.size() * sizeof(Row));
}

inline std::uint64_t age_of(std::uint64_t now_ns, std::uint64_t then_ns) noexcept {
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

// Calls copy(index) until what it copied is of one publication. False if the writer was faster for a second.
template <class Copy>
bool read_block(const shm::Word& generation, const shm::Word& writing, Copy&& copy, Error& error) {
    constexpr std::uint64_t longest_read_ns = 1'000'000'000;
    constexpr int least_attempts = 20;  // a reader that is stopped in the midst finds the time over
    const std::uint64_t deadline_ns = shm::monotonic_ns() + longest_read_ns;
    for (int attempt = 0; attempt < least_attempts || shm::monotonic_ns() < deadline_ns; ++attempt) {
        if (shm::read_published(generation, writing, 1, copy)) return true;
    }
    error = {ErrorKind::system, "the counters changed faster than they can be read; try again"};
    return false;
}

}  // namespace trackshm::stats
