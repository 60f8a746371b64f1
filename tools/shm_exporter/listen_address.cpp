// SPDX-License-Identifier: Apache-2.0
#include "shm_exporter/listen_address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "common/number.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* loopback = "127.0.0.1";

bool is_address(int family, const std::string& host) {
    in6_addr ignored{};
    return inet_pton(family, host.c_str(), &ignored) == 1;
}

int try_to_bind(const sockaddr* address, socklen_t bytes) {
    const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // as the server will: connections of the last run linger
    const int error = bind(fd, address, bytes) == 0 && listen(fd, 1) == 0 ? 0 : errno;
    close(fd);
    return error;
}

}  // namespace

std::string ListenAddress::text(const std::string& host, std::uint16_t port, bool is_ipv6) {
    return is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string ListenAddress::text() const { return text(host, port, is_ipv6); }

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    const auto port = parse_number<std::uint16_t>(colon == std::string_view::npos ? text : text.substr(colon + 1));
    if (!port) return std::nullopt;
    if (colon == std::string_view::npos) return ListenAddress{loopback, *port, false};

    std::string host{text.substr(0, colon)};
    if (host == "localhost") host = loopback;
    if (is_address(AF_INET, host)) return ListenAddress{host, *port, false};
    if (host.size() < 2 || host.front() != '[' || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (!is_address(AF_INET6, host)) return std::nullopt;
    return ListenAddress{host, *port, true};
}

int why_not_listening(const ListenAddress& address) {
    if (address.is_ipv6) {
        sockaddr_in6 socket_address{};
        socket_address.sin6_family = AF_INET6;
        socket_address.sin6_port = htons(address.port);
        inet_pton(AF_INET6, address.host.c_str(), &socket_address.sin6_addr);
        return try_to_bind(reinterpret_cast<const sockaddr*>(&socket_address), sizeof socket_address);
    }
    sockaddr_in socket_address{};
    socket_address.sin_family = AF_INET;
    socket_address.sin_port = htons(address.port);
    inet_pton(AF_INET, address.host.c_str(), &socket_address.sin_addr);
    return try_to_bind(reinterpret_cast<const sockaddr*>(&socket_address), sizeof socket_address);
}

}  // namespace trackshm::tools
