// SPDX-License-Identifier: Apache-2.0
//
// Reads the live buffers of one process out of its table segment, while an aggregator may be changing it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace trackshm::tools {

struct LiveBuffer {
    std::uint64_t id = 0;
    std::uint64_t size_bytes = 0;
    std::uint64_t sequence = 0;  // order of allocation within the process
    std::uint32_t device = 0;
    std::uint8_t type = 0;
    std::uint64_t age_ns = 0;    // to the second
};

struct TableScan {
    bool readable = false;    // a table of this layout
    bool consistent = false;  // nothing changed while it was read, so this is one moment
    std::int32_t pid = 0;     // 0: not to be seen from the aggregator's pid namespace
    std::uint32_t uid = 0;
    std::string comm;
    std::vector<LiveBuffer> buffers;  // oldest first
};

// Every live buffer, tried again a few times where it does not come out consistent.
TableScan scan_table(const std::string& file);

// Shows every live buffer to `visit` once, in no order, and keeps none; false from it ends the scan. Where the table is
// changed meanwhile (not `consistent`), a buffer that is moved may be shown twice, by the same sequence, or be missed.
// The first argument says whose table it is.
TableScan visit_table(const std::string& file, const std::function<bool(const TableScan&, const LiveBuffer&)>& visit);

}  // namespace trackshm::tools
