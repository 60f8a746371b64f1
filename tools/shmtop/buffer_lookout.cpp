// SPDX-License-Identifier: Apache-2.0
#include "shmtop/buffer_lookout.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "shm/os.hpp"

namespace trackshm::tools {
namespace {

constexpr std::size_t buffers_kept = 500;
constexpr std::uint64_t shortest_pause_ns = 1'000'000'000;
constexpr std::uint64_t pause_per_look = 20;  // at most a twentieth of a CPU

}  // namespace

BufferLookout::~BufferLookout() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const TopBuffers> BufferLookout::latest() {
    if (!is_looking_) {
        if (thread_.joinable()) thread_.join();
        if (shm::monotonic_ns() >= next_look_ns_) {
            is_looking_ = true;
            thread_ = std::thread([this] { look(); });
        }
    }
    const std::lock_guard lock(mutex_);
    return latest_;
}

void BufferLookout::look() {
    const std::uint64_t begin_ns = shm::monotonic_ns();
    try {
        auto found = std::make_shared<TopBuffers>(find_top_buffers(name_space_, buffers_kept, wants_, stop_));
        const std::lock_guard lock(mutex_);
        latest_ = std::move(found);
    } catch (const std::exception&) {
        // No memory now: the next look may have some. What was seen before stays, with its age.
    }
    const std::uint64_t end_ns = shm::monotonic_ns();
    next_look_ns_ = std::max(begin_ns + shortest_pause_ns, end_ns + pause_per_look * (end_ns - begin_ns));
    is_looking_ = false;
}

}  // namespace trackshm::tools
