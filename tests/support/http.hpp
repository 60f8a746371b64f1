// SPDX-License-Identifier: Apache-2.0
//
// As much of HTTP as a test needs to ask a server on this machine something.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace trackshm::test {

struct HttpAnswer {
    int status = 0;
    std::string head;
    std::string body;
};

// Throws when nobody listens on that port of 127.0.0.1, or the answer is none.
HttpAnswer http_get(std::uint16_t port, const std::string& path);

// "a b" as "a%20b".
std::string percent_encoded(const std::string& text);

// A port of 127.0.0.1 that nobody listened on a moment ago.
std::uint16_t free_port();

// The samples of a text exposition: series, as `name{labels}`, and value.
std::map<std::string, double> samples_of(const std::string& exposition);

}  // namespace trackshm::test
