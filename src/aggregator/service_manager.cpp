// SPDX-License-Identifier: Apache-2.0
#include "aggregator/service_manager.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <optional>

namespace trackshm::aggregator {
namespace {

// How long the message that must arrive, that we are ready, waits for a service manager that does not read.
constexpr timeval longest_send{.tv_sec = 5, .tv_usec = 0};

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::optional<std::uint64_t> parse(const std::string& text) {
    std::uint64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

// Half of what the watchdog allows; 0 where it waits for nothing, or for another process.
std::uint64_t ping_interval_ns(const std::string& watchdog_usec, const std::string& watchdog_pid) {
    constexpr std::uint64_t longest_usec = std::uint64_t{1} << 53;  // some centuries; no overflow below
    if (!watchdog_pid.empty() && parse(watchdog_pid) != static_cast<std::uint64_t>(getpid())) return 0;
    const auto usec = parse(watchdog_usec);
    return usec && *usec <= longest_usec ? *usec * 1000 / 2 : 0;
}

}  // namespace

ServiceManager::ServiceManager() : address_(variable("NOTIFY_SOCKET")) {
    watchdog_interval_ns_ = ping_interval_ns(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"));
    const bool is_address = address_.starts_with('/') || address_.starts_with('@');
    if (is_address && address_.size() < sizeof sockaddr_un::sun_path) {
        if (address_.front() == '@') address_.front() = '\0';
        socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    }
    if (socket_ < 0) {
        watchdog_interval_ns_ = 0;
        return;
    }
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &longest_send, sizeof longest_send);
}

ServiceManager::~ServiceManager() {
    if (socket_ >= 0) close(socket_);
}

void ServiceManager::ready(std::string_view status) {
    send("READY=1\nSTATUS=" + std::string(status), 0);
}

void ServiceManager::stopping() { send("STOPPING=1\nSTATUS=applying what is left", MSG_DONTWAIT); }

// Never waits. One that does not get through, as the queue is full, is sent again well before the next is due.
void ServiceManager::ping(std::uint64_t now_ns) {
    const bool sent = send("WATCHDOG=1", MSG_DONTWAIT);
    next_ping_ns_ = now_ns + (sent ? watchdog_interval_ns_ : watchdog_interval_ns_ / 8);
}

bool ServiceManager::send(std::string_view message, int flags) const {
    if (socket_ < 0) return false;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    address_.copy(address.sun_path, sizeof address.sun_path);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    return sendto(socket_, message.data(), message.size(), flags | MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address), length) == static_cast<ssize_t>(message.size());
}

}  // namespace trackshm::aggregator
