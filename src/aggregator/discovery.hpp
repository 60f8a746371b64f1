// SPDX-License-Identifier: Apache-2.0
//
// Finds the process segments of a namespace: inotify on /dev/shm tells when to look, a look is a scan of the directory.
// inotify may lose events or be unavailable; the aggregator therefore scans now and then anyway.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shm/names.hpp"

namespace trackshm::aggregator {

class Discovery {
public:
    explicit Discovery(std::string name_space);
    ~Discovery();
    Discovery(const Discovery&) = delete;
    Discovery& operator=(const Discovery&) = delete;

    // Readable when something happened in /dev/shm; -1 if there is no such notice.
    int fd() const noexcept { return fd_; }
    struct Notices {
        bool appeared = false;  // a segment of this namespace got its final name
        bool closed = false;    // one was closed that was open for writing: by the end of a process, by exec, or by us
    };
    Notices take_notices();

    struct Found {
        std::string file;
        shm::SegmentName name;
    };
    // Segments of the namespace that exist now, of that kind. Nothing, with errno set, if the directory cannot be read.
    std::optional<std::vector<Found>> scan(shm::SegmentKind kind) const;

private:
    std::string name_space_;
    std::string prefix_;
    int fd_ = -1;
};

}  // namespace trackshm::aggregator
