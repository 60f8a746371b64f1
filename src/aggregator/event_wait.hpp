// SPDX-License-Identifier: Apache-2.0
//
// epoll_wait with a timeout in nanoseconds, on kernels that know it and on those that do not.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

namespace trackshm::aggregator {

// Before Linux 5.11 the timeout is rounded up to milliseconds.
int wait_for_events(int epoll_fd, epoll_event* events, int max_events, std::uint64_t timeout_ns) noexcept;

}  // namespace trackshm::aggregator
