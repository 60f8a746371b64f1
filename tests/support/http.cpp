// SPDX-License-Identifier: Apache-2.0
#include "support/http.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <sstream>
#include <stdexcept>

namespace trackshm::test {
namespace {

class Socket {
public:
    Socket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (fd_ < 0) throw std::runtime_error("socket failed");
        const timeval patience{20, 0};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~Socket() { close(fd_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int fd() const { return fd_; }

private:
    int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

std::string read_all(int fd) {
    std::string result;
    std::array<char, 65536> buffer;
    for (ssize_t n; (n = recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
        result.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return result;
}

}  // namespace

HttpAnswer http_get(std::uint16_t port, const std::string& path) {
    const Socket socket;
    const sockaddr_in address = loopback(port);
    if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("nobody listens on port " + std::to_string(port));
    }
    const std::string request = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
    if (send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
        throw std::runtime_error("send failed");
    }
    const std::string text = read_all(socket.fd());
    const std::size_t end_of_head = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.") || end_of_head == std::string::npos) {
        throw std::runtime_error("no answer of HTTP: " + text);
    }
    return {std::stoi(text.substr(9)), text.substr(0, end_of_head), text.substr(end_of_head + 4)};
}

std::string percent_encoded(const std::string& text) {
    constexpr const char* digits = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0) {
            result += c;
        } else {
            result += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return result;
}

std::uint16_t free_port() {
    const Socket socket;
    sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof address;
    if (bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), bytes) != 0 ||
        getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &bytes) != 0) {
        throw std::runtime_error("no free port");
    }
    return ntohs(address.sin_port);
}

std::map<std::string, double> samples_of(const std::string& exposition) {
    std::map<std::string, double> result;
    std::istringstream lines(exposition);
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() == '#') continue;
        const std::size_t space = line.rfind(' ');
        const bool is_new = result.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second;
        if (!is_new) throw std::runtime_error("two samples of one series: " + line);
    }
    return result;
}

}  // namespace trackshm::test
