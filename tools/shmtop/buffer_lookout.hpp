// SPDX-License-Identifier: Apache-2.0
//
// Looks for the largest buffers beside the screen, which must not wait for it: tables may be hundreds of megabytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "segments/top_buffers.hpp"

namespace trackshm::tools {

class BufferLookout {
public:
    BufferLookout(std::string name_space, WantsBuffer wants)
        : name_space_(std::move(name_space)), wants_(std::move(wants)) {}
    ~BufferLookout();  // waits for a look that is under way, which ends soon
    BufferLookout(const BufferLookout&) = delete;
    BufferLookout& operator=(const BufferLookout&) = delete;

    // What was seen last; null until a first look is done. Begins another one when the last is long enough ago: a second,
    // or twenty times as long as it took.
    std::shared_ptr<const TopBuffers> latest();

private:
    void look();

    const std::string name_space_;
    const WantsBuffer wants_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> is_looking_{false};
    std::mutex mutex_;  // over latest_
    std::shared_ptr<const TopBuffers> latest_;
    std::uint64_t next_look_ns_ = 0;  // by the monotonic clock; the thread's while it looks
    std::thread thread_;
};

}  // namespace trackshm::tools
