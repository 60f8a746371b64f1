// SPDX-License-Identifier: Apache-2.0
#include "aggregator/discovery.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace trackshm::aggregator {

Discovery::Discovery(std::string name_space)
    : name_space_(std::move(name_space)), prefix_("trackshm." + name_space_ + ".") {
    fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd_ < 0) return;
    if (inotify_add_watch(fd_, std::string(shm::shm_directory).c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
        close(fd_);
        fd_ = -1;
    }
}

Discovery::~Discovery() {
    if (fd_ >= 0) close(fd_);
}

Discovery::Notices Discovery::take_notices() {
    Notices notices;
    alignas(inotify_event) char buffer[16 * 1024];
    for (ssize_t length; (length = read(fd_, buffer, sizeof buffer)) > 0;) {
        for (const char* at = buffer; at < buffer + length;) {
            inotify_event event;
            std::memcpy(&event, at, sizeof event);
            const std::string_view name(event.len > 0 ? at + sizeof event : "");
            if ((event.mask & IN_Q_OVERFLOW) != 0) return {true, true};
            if (name.starts_with(prefix_)) {
                notices.appeared = notices.appeared || (event.mask & IN_MOVED_TO) != 0;
                notices.closed = notices.closed || (event.mask & IN_CLOSE_WRITE) != 0;
            }
            at += sizeof event + event.len;
        }
    }
    return notices;
}

std::optional<std::vector<Discovery::Found>> Discovery::scan(shm::SegmentKind kind) const {
    std::vector<Found> found;
    std::error_code error;
    std::filesystem::directory_iterator entry(shm::shm_directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::string file = entry->path().filename();
        auto name = shm::parse_segment_name(file);
        if (name && name->kind == kind && name->name_space == name_space_) {
            found.push_back({std::move(file), std::move(*name)});
        }
    }
    if (!error) return found;
    errno = error.value();
    return std::nullopt;
}

}  // namespace trackshm::aggregator
