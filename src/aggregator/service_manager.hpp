// SPDX-License-Identifier: Apache-2.0
//
// Tells the service manager that started us how we are: systemd's notification protocol (sd_notify(3)), one datagram
// of lines KEY=VALUE to the socket named by $NOTIFY_SOCKET. Without that variable all of this does nothing.
//
// Our own and not libsystemd's sd_notify: the protocol is stable and documented for being spoken like this, while the
// library would bring half a dozen others into a daemon that runs as root and in containers that have no systemd.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trackshm::aggregator {

class ServiceManager {
public:
    ServiceManager();  // reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID
    ~ServiceManager();
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    void ready(std::string_view status);
    void stopping();

    // From every turn of the duty cycle: tells the watchdog that we get on, twice in the time it waits.
    void keep_alive(std::uint64_t now_ns) {
        if (watchdog_interval_ns_ != 0 && now_ns >= next_ping_ns_) ping(now_ns);
    }

private:
    void ping(std::uint64_t now_ns);
    bool send(std::string_view message, int flags) const;

    int socket_ = -1;
    std::string address_;  // as in sun_path: an abstract one starts with a NUL
    std::uint64_t watchdog_interval_ns_ = 0;
    std::uint64_t next_ping_ns_ = 0;
};

}  // namespace trackshm::aggregator
