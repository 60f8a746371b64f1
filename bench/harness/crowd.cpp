// SPDX-License-Identifier: Apache-2.0
#include "harness/crowd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace trackshm::bench {
namespace {

constexpr int ready_timeout_ms = 60'000;

[[noreturn]] void throw_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

[[noreturn]] void live(const CrowdMember& member, const std::function<void(const CrowdMember&)>& life) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        life(member);
    } catch (const std::exception& failure) {
        fmt::print(stderr, "trackshm_bench: process {} of a crowd: {}\n", member.index(), failure.what());
        _exit(1);
    }
    _exit(0);
}

}  // namespace

void CrowdMember::ready() const {
    if (write(ready_fd_, "", 1) != 1) throw_errno("telling that it is ready");
}

bool CrowdMember::released_within(std::chrono::microseconds timeout) const {
    // Nobody ever writes: the other end is closed. ppoll, because readers at 1 kHz need better than milliseconds.
    pollfd item{release_fd_, POLLIN, 0};
    const timespec time{timeout.count() / 1'000'000, timeout.count() % 1'000'000 * 1000};
    return ppoll(&item, 1, &time, nullptr) > 0;
}

void CrowdMember::wait_for_release() const {
    while (!released_within(std::chrono::seconds(60))) {
    }
}

Crowd::Crowd(unsigned size, const std::function<void(const CrowdMember&)>& life) {
    int ready[2];
    int release[2];
    if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(release, O_CLOEXEC) != 0) throw_errno("pipe2");
    ready_fd_ = ready[0];
    release_fd_ = release[1];
    bool forked = true;
    for (unsigned index = 0; index < size && forked; ++index) {
        const pid_t member = fork();
        forked = member >= 0;
        if (member > 0) members_.push_back(member);
        if (member == 0) {
            close(ready[0]);
            close(release[1]);
            live(CrowdMember(index, ready[1], release[0]), life);
        }
    }
    close(ready[1]);
    close(release[0]);
    try {
        if (!forked)
            throw std::runtime_error(fmt::format("only {} of {} processes could be forked", members_.size(), size));
        wait_until_ready(size);
    } catch (...) {
        end();
        throw;
    }
}

Crowd::~Crowd() { end(); }

void Crowd::end() noexcept {
    for (const pid_t member : members_) kill(member, SIGKILL);
    for (const pid_t member : members_) waitpid(member, nullptr, 0);
    close(ready_fd_);
    if (release_fd_ >= 0) close(release_fd_);
}

void Crowd::dismiss() {
    close(std::exchange(release_fd_, -1));
    unsigned failed = 0;
    for (const pid_t member : std::exchange(members_, {})) {
        int status = 0;
        if (waitpid(member, &status, 0) != member || status != 0) ++failed;
    }
    if (failed != 0) throw std::runtime_error(fmt::format("{} processes of the crowd failed", failed));
}

void Crowd::wait_until_ready(unsigned size) const {
    char bytes[256];
    for (unsigned count = 0; count < size;) {
        pollfd item{ready_fd_, POLLIN, 0};
        if (poll(&item, 1, ready_timeout_ms) <= 0) throw std::runtime_error("the crowd is not ready in time");
        const ssize_t length = read(ready_fd_, bytes, sizeof bytes);
        if (length <= 0) throw std::runtime_error("processes of the crowd ended early");
        count += static_cast<unsigned>(length);
    }
}

}  // namespace trackshm::bench
