// SPDX-License-Identifier: Apache-2.0
//
// A section of a pair of published blocks that gets its storage as rows need it, so that a machine with few devices and
// processes does not pay for many, and a full /dev/shm costs rows but never a SIGBUS.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "shm/process_abi.hpp"
#include "shm/publication.hpp"
#include "shm/segment.hpp"

namespace trackshm::aggregator {

// Where it is: in both blocks of a pair at the same offset.
struct RowPlace {
    std::uint64_t first_block_offset;
    std::uint64_t block_bytes;
    std::uint64_t section_offset;
    std::uint64_t max_rows;
};

template <class Row>
class RowSection {
public:
    RowSection(shm::Segment& segment, const RowPlace& place) noexcept : segment_(segment), place_(place) {}

    // Cuts `rows` down to what there is storage for; how many it left out.
    std::uint64_t make_room(std::vector<Row>& rows) noexcept {
        if (rows.size() > reserved_) reserve(rows.size());
        const std::uint64_t omitted = rows.size() > reserved_ ? rows.size() - reserved_ : 0;
        rows.resize(rows.size() - omitted);
        return omitted;
    }

    // After make_room.
    void store(std::size_t block, const std::vector<Row>& rows) noexcept {
        shm::store_words(segment_.at<shm::Word>(offset_in(block)), rows.data(), rows.size() * sizeof(Row));
    }

private:
    // A page at least, and half as much again: a row more every time would be a system call every time.
    void reserve(std::uint64_t rows) noexcept {
        const std::uint64_t wanted =
            std::min<std::uint64_t>(rows + rows / 2 + shm::page_bytes / sizeof(Row), place_.max_rows);
        for (std::size_t block = 0; block < 2; ++block) {
            if (segment_.reserve(offset_in(block), wanted * sizeof(Row)) != shm::SegmentStatus::ok) return;
        }
        reserved_ = wanted;
    }

    std::uint64_t offset_in(std::size_t block) const noexcept {
        return place_.first_block_offset + block * place_.block_bytes + place_.section_offset;
    }

    shm::Segment& segment_;
    RowPlace place_;
    std::uint64_t reserved_ = 0;
};

}  // namespace trackshm::aggregator
