// SPDX-License-Identifier: Apache-2.0
//
// GET /metrics, and a page at / that points there; nothing else is answered. civetweb serves, prometheus-cpp writes the
// text. Not its Exposer: that adds series of its own, under other names than ours, to every scrape.
#pragma once

#include <cstdint>
#include <memory>
#include <prometheus/collectable.h>
#include <string>

#include "shm_exporter/listen_address.hpp"

namespace trackshm::tools {

class MetricsServer {
public:
    // Listens, and answers in threads of its own until it goes out of scope. `metrics` must outlive it. Throws
    // std::runtime_error where it cannot listen.
    MetricsServer(const ListenAddress& address, const prometheus::Collectable& metrics);
    ~MetricsServer();

    // The port it listens on, whatever was asked for.
    std::uint16_t port() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace trackshm::tools
