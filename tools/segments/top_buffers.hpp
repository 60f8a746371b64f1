// SPDX-License-Identifier: Apache-2.0
//
// The largest live buffers of a namespace: one pass over its tables that keeps only so many, so that what it takes does
// not grow with how many there are.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "segments/table_scan.hpp"

namespace trackshm::tools {

struct HeldBuffer {
    LiveBuffer buffer;
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
    std::string comm;
};

struct TopBuffers {
    std::vector<HeldBuffer> buffers;    // largest first
    std::uint64_t buffers_seen = 0;
    std::uint64_t bytes_seen = 0;
    std::uint64_t time_unix_ns = 0;     // when it was begun
    std::uint64_t duration_ns = 0;
    std::size_t tables = 0;
    std::size_t changing_tables = 0;    // changed while they were read: their buffers are of several moments
    std::size_t unreadable_tables = 0;  // we have no permission
    std::size_t foreign_tables = 0;     // of another layout version
};

// Keeps the largest `limit` of what it is shown.
class TopBuffersCollector {
public:
    explicit TopBuffersCollector(std::size_t limit) : limit_(limit) {}

    void add(const LiveBuffer& buffer, std::size_t owner);

    struct Kept {
        LiveBuffer buffer;
        std::size_t owner;  // as given to add()
    };
    // Largest first, oldest first among equals; none twice.
    std::vector<Kept> take();

private:
    std::size_t limit_;
    std::vector<Kept> heap_;  // the smallest on top
};

// Whether a process's buffer is one of those asked for.
using WantsBuffer = std::function<bool(std::int32_t pid, const LiveBuffer& buffer)>;

// Looks into the tables of every aggregator of the namespace. Ends early, with what it has, once `stop` is set.
TopBuffers find_top_buffers(const std::string& name_space, std::size_t limit, const WantsBuffer& wants,
                            const std::atomic<bool>& stop);

}  // namespace trackshm::tools
