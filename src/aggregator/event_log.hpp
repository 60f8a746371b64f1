// SPDX-License-Identifier: Apache-2.0
//
// --log-events: one line per applied event on stdout.
#pragma once

#include <cstdint>

#include "shm/event.hpp"

namespace trackshm::aggregator {

// Buffered.
void log_event(std::int32_t pid, const shm::Event& event);
// Writes it out. False, with errno set, if that failed: what was buffered is lost then, and the aggregator goes on.
bool flush_event_log();

}  // namespace trackshm::aggregator
