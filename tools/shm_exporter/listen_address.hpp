// SPDX-License-Identifier: Apache-2.0
//
// Where to listen, as the command line says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trackshm::tools {

struct ListenAddress {
    std::string host;  // a numeric address of IPv4 or IPv6
    std::uint16_t port = 0;
    bool is_ipv6 = false;

    // "127.0.0.1:9477", "[::1]:9477"
    std::string text() const;
    static std::string text(const std::string& host, std::uint16_t port, bool is_ipv6);
};

// "127.0.0.1:9477", "[::1]:9477", "localhost:9477"; a port alone means loopback, and port 0 any that is free. Never
// more than the address that was written: to be seen by other machines takes "0.0.0.0:9477" or "[::]:9477".
std::optional<ListenAddress> parse_listen_address(std::string_view text);

// 0 if somebody could listen there now, else an errno value.
int why_not_listening(const ListenAddress& address);

}  // namespace trackshm::tools
