// SPDX-License-Identifier: Apache-2.0
#include "shm_exporter/listen_address.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

namespace trackshm::tools {

TEST_CASE("an address is read with its port and printed the same") {
    for (const char* text : {"127.0.0.1:9477", "0.0.0.0:1", "10.1.2.3:65535", "[::1]:9477", "[::]:0"}) {
        INFO(text);
        const auto address = parse_listen_address(text);
        REQUIRE(address);
        CHECK(address->text() == text);
    }
}

TEST_CASE("a port alone and the name localhost mean loopback") {
    for (const char* text : {"9477", "localhost:9477"}) {
        INFO(text);
        const auto address = parse_listen_address(text);
        REQUIRE(address);
        CHECK(address->text() == "127.0.0.1:9477");
    }
}

TEST_CASE("what names no single address and port is not listened on") {
    for (const char* text : {"", ":", ":9477", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                             "127.0.0.1:80s", "127.0.0.1:80,8080", "host:80", "::1:80", "[::1]", "[::1:80", "[]:80",
                             "[127.0.0.1]:80", " 127.0.0.1:80", "127.0.0.1:80 "}) {
        INFO("'" << text << "'");
        CHECK_FALSE(parse_listen_address(text));
    }
}

TEST_CASE("whether an address can be listened on is known before") {
    CHECK(why_not_listening({"127.0.0.1", 0, false}) == 0);
    CHECK(why_not_listening({"192.0.2.1", 0, false}) == EADDRNOTAVAIL);  // of a network that is for documents only
}

}  // namespace trackshm::tools
