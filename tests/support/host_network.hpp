// SPDX-License-Identifier: Apache-2.0
//
// Hosts of a network of their own: each a network namespace with one address, joined by a cable to that of this process,
// which sees no other network meanwhile. Needs root and ip(8); see is_possible.
#pragma once

#include <sys/types.h>

#include <string>

#include "support/child.hpp"

namespace trackshm::test {

class HostNetwork {
public:
    HostNetwork();
    ~HostNetwork();
    HostNetwork(const HostNetwork&) = delete;
    HostNetwork& operator=(const HostNetwork&) = delete;

    static bool is_possible();

    static std::string address(unsigned host) { return subnet(host) + ".2"; }
    // What starts a command on a host: it waits there until it is connected.
    static Arguments on_host(const Arguments& command);
    // Plugs the cable in and lets the command run.
    static void connect(unsigned host, Child& command);

private:
    static std::string subnet(unsigned host) { return "10.9." + std::to_string(host); }

    int outer_namespace_;
};

}  // namespace trackshm::test
