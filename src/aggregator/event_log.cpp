// SPDX-License-Identifier: Apache-2.0
#include "aggregator/event_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>
#include <trackshm/stats.hpp>

namespace trackshm::aggregator {

using shm::Event;
using shm::EventKind;

namespace {

std::string buffer;  // of the aggregator's one thread

std::string piece_of_name(const Event& event) {
    char text[shm::name_chunk_bytes];
    std::memcpy(text, &event.id, 8);
    std::memcpy(text + 8, &event.size, 8);
    std::string piece(text, strnlen(text, sizeof text));
    std::replace_if(piece.begin(), piece.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return piece;
}

void append_details(const Event& event) {
    const auto out = std::back_inserter(buffer);
    const auto type = stats::type_name(event.type);
    switch (event.kind) {
        case EventKind::allocation:
            fmt::format_to(out, "allocation device={} type={} size={} id={:#x}", event.device, type, event.size, event.id);
            break;
        case EventKind::free_by_id: fmt::format_to(out, "deallocation id={:#x} count={}", event.id, event.count); break;
        case EventKind::free_on_device:
            fmt::format_to(out, "deallocation_on device={} id={:#x} count={}", event.device, event.id, event.count);
            break;
        case EventKind::free_exact:
            fmt::format_to(out, "deallocation_of device={} type={} id={:#x} count={}", event.device, type, event.id,
                           event.count);
            break;
        case EventKind::free_all: fmt::format_to(out, "deallocation_all id={:#x} count={}", event.id, event.count); break;
        case EventKind::device_closed: fmt::format_to(out, "device_closed device={}", event.device); break;
        case EventKind::usage:
            fmt::format_to(out, "usage device={} type={} bytes={}", event.device, type, event.size);
            break;
        case EventKind::allocation_failure:
            fmt::format_to(out, "allocation_failure device={} type={} size={} count={}", event.device, type, event.size,
                           event.count);
            break;
        case EventKind::describe_device:
            fmt::format_to(out, "describe_device device={} offset={} text={}", event.device, event.count,
                           piece_of_name(event));
            break;
        case EventKind::describe_memory:
            fmt::format_to(out, "describe_memory device={} type={} capacity={}", event.device, type, event.size);
            break;
        case EventKind::lowered_usage:
            fmt::format_to(out, "coalesced usage device={} type={} bytes<={}", event.device, type, event.size);
            break;
        case EventKind::folded_pairs:
            fmt::format_to(out, "coalesced device={} type={} pairs={} bytes={}", event.device, type, event.id, event.size);
            break;
        case EventKind::folded_free_all: fmt::format_to(out, "coalesced deallocation_all id={:#x}", event.id); break;
        case EventKind::coalesced_reports: fmt::format_to(out, "coalesced reports={}", event.id); break;
        case EventKind::folded_frees:
            fmt::format_to(out, "coalesced implicit_frees={} ambiguous_frees={}", event.id, event.size);
            break;
    }
}

}  // namespace

void log_event(std::int32_t pid, const Event& event) {
    if (is_mark(event)) return;
    fmt::format_to(std::back_inserter(buffer), "pid={} ", pid);
    append_details(event);
    buffer += '\n';
}

bool flush_event_log() {
    if (buffer.empty()) return true;
    const bool written = std::fwrite(buffer.data(), 1, buffer.size(), stdout) == buffer.size() && std::fflush(stdout) == 0;
    buffer.clear();
    return written;
}

}  // namespace trackshm::aggregator
