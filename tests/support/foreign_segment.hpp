// SPDX-License-Identifier: Apache-2.0
//
// A hand in a segment that is somebody else's: what a hostile process of the same user can do to it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "shm/process_abi.hpp"
#include "support/namespace.hpp"

namespace trackshm::test {

class ForeignSegment {
public:
    // The segment of the namespace's process `pid`, mapped whole. Throws if there is none.
    ForeignSegment(const Namespace& name_space, pid_t pid);
    ~ForeignSegment();
    ForeignSegment(const ForeignSegment&) = delete;
    ForeignSegment& operator=(const ForeignSegment&) = delete;

    const std::string& file() const { return file_; }
    std::string path() const;
    int fd() const { return fd_; }
    std::size_t bytes() const { return bytes_; }
    std::byte* data() const { return data_; }

    shm::ProcessHeader& header() const { return *reinterpret_cast<shm::ProcessHeader*>(data_); }
    shm::LaneHeader& lane(std::uint32_t index) const {
        return reinterpret_cast<shm::LaneHeader*>(data_ + shm::lanes_offset)[index];
    }
    shm::Slot& slot(std::uint32_t lane, std::uint64_t position) const {
        const std::uint64_t capacity = header().slots_per_lane;
        return reinterpret_cast<shm::Slot*>(data_ + shm::slots_offset)[lane * capacity + (position & (capacity - 1))];
    }

private:
    std::string file_;
    int fd_ = -1;
    std::size_t bytes_ = 0;
    std::byte* data_ = nullptr;
};

// Does something over and over in a thread of its own until it goes out of scope.
class Meanwhile {
public:
    explicit Meanwhile(std::function<void()> body);
    ~Meanwhile();
    Meanwhile(const Meanwhile&) = delete;
    Meanwhile& operator=(const Meanwhile&) = delete;

private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace trackshm::test
