// SPDX-License-Identifier: Apache-2.0
//
// --log-events: one line per applied event on stdout.
#pragma once

#include <cstdint>

#include "shm/event.hpp"

namespace trackshm::aggregator {

// Buffered; flush() writes it out. A closed stdout ends the log, not the aggregator.
void log_event(std::int32_t pid, const shm::Event& event);
void flush_event_log();

}  // namespace trackshm::aggregator
