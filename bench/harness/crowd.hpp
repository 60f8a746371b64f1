// SPDX-License-Identifier: Apache-2.0
//
// Many processes beside the measured one: forked from it, because a thousand programs take too long to start.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <vector>

namespace trackshm::bench {

// One process of a crowd, as it sees itself.
class CrowdMember {
public:
    CrowdMember(unsigned index, int ready_fd, int release_fd) noexcept
        : index_(index), ready_fd_(ready_fd), release_fd_(release_fd) {}

    unsigned index() const noexcept { return index_; }
    void ready() const;
    // True once the crowd is dismissed; waits so long for it.
    bool released_within(std::chrono::microseconds timeout) const;
    void wait_for_release() const;

private:
    unsigned index_;
    int ready_fd_;
    int release_fd_;
};

class Crowd {
public:
    // Forks `size` processes that each run `life`, which calls ready() and then returns when it is released; returns
    // when all are ready. To be made before this process reports anything or has a second thread.
    Crowd(unsigned size, const std::function<void(const CrowdMember&)>& life);
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;
    ~Crowd();  // kills those that were not dismissed

    // Lets them go and waits until they are gone; throws if one of them failed.
    void dismiss();

private:
    void end() noexcept;
    void wait_until_ready(unsigned size) const;

    std::vector<pid_t> members_;
    int ready_fd_ = -1;
    int release_fd_ = -1;
};

}  // namespace trackshm::bench
