// SPDX-License-Identifier: Apache-2.0
#include "common/read_at.hpp"

#include <unistd.h>

#include <cerrno>

namespace trackshm::tools {

bool read_at(int fd, void* target, std::size_t bytes, std::uint64_t offset) {
    auto* to = static_cast<std::byte*>(target);
    while (bytes > 0) {
        const ssize_t length = pread(fd, to, bytes, static_cast<off_t>(offset));
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0) return false;
        to += length;
        bytes -= static_cast<std::size_t>(length);
        offset += static_cast<std::uint64_t>(length);
    }
    return true;
}

}  // namespace trackshm::tools
