// SPDX-License-Identifier: Apache-2.0
//
// Events in the order in which they came, in memory straight from the kernel. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>

#include "shm/event.hpp"
#include "shm/private_memory.hpp"

namespace trackshm::shm {

class EventQueue {
public:
    bool empty() const noexcept { return size_ == 0; }
    std::uint64_t size() const noexcept { return size_; }

    // Throws std::bad_alloc, and changes nothing, when memory has run out.
    void push(const Event& event) {
        if (chunks_.empty() || end_ == events_per_chunk) add_chunk();
        chunks_.back()[end_++] = event;
        ++size_;
    }

    // The queue is not empty.
    const Event& front() const noexcept { return chunks_.front()[begin_]; }
    void pop() noexcept {
        --size_;
        if (++begin_ == events_per_chunk || size_ == 0) remove_chunk();
    }

private:
    static constexpr std::size_t events_per_chunk = 2047;  // 64 KiB with the list's pointers
    static constexpr std::size_t most_spare_chunks = 4;
    using Chunk = std::array<Event, events_per_chunk>;
    using Chunks = std::list<Chunk, MappedAllocator<Chunk>>;

    void add_chunk() {
        if (spare_.empty()) {
            chunks_.emplace_back();
        } else {
            chunks_.splice(chunks_.end(), spare_, spare_.begin());
        }
        end_ = 0;
    }

    // A queue that fills and empties over and over shall not cost a system call each time.
    void remove_chunk() noexcept {
        begin_ = 0;
        if (spare_.size() < most_spare_chunks) {
            spare_.splice(spare_.end(), chunks_, chunks_.begin());
        } else {
            chunks_.pop_front();
        }
    }

    Chunks chunks_;
    Chunks spare_;
    std::size_t begin_ = 0;  // of the first chunk
    std::size_t end_ = 0;    // of the last
    std::uint64_t size_ = 0;
};

}  // namespace trackshm::shm
