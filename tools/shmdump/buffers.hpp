// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "common/list.hpp"
#include "common/output.hpp"
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

// Takes the next piece of a text. What is not ok ends the text there.
using WriteText = std::function<OutputResult(std::string_view piece)>;

// `shmdump buffers`: a table for people, or one JSON array on a line.
OutputResult write_buffers_text(const BufferListing& listing, const WriteText& write);
OutputResult write_buffers_json(const BufferListing& listing, const WriteText& write);

}  // namespace trackshm::tools
