// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/list.hpp"
#include "segments/inventory.hpp"
#include "segments/table_scan.hpp"

namespace trackshm::tools {

struct BufferListing {
    std::vector<TableScan> tables;   // by pid
    std::size_t unreadable = 0;      // tables we may not read
    std::size_t foreign_layout = 0;  // tables of another release
};

// The live buffers of the processes that pass, out of the tables of every aggregator of the namespace.
BufferListing list_buffers(const Inventory& inventory, const NumberList& pids);

// `shmdump buffers`: a table for people, or one JSON array on a line.
std::string buffers_text(const BufferListing& listing);
std::string buffers_json(const BufferListing& listing);

}  // namespace trackshm::tools
