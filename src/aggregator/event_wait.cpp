// SPDX-License-Identifier: Apache-2.0
#include "aggregator/event_wait.hpp"

#include <cerrno>
#include <ctime>

namespace trackshm::aggregator {

int wait_for_events(int epoll_fd, epoll_event* events, int max_events, std::uint64_t timeout_ns) noexcept {
    const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000),
                           static_cast<long>(timeout_ns % 1'000'000'000)};
    const int ready = epoll_pwait2(epoll_fd, events, max_events, &timeout, nullptr);
    if (ready >= 0 || errno != ENOSYS) return ready;
    return epoll_wait(epoll_fd, events, max_events, static_cast<int>((timeout_ns + 999'999) / 1'000'000));
}

}  // namespace trackshm::aggregator
