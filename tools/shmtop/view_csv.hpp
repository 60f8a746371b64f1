// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

// Columns are only ever added, at the end. Fields are quoted as RFC 4180 says; lines end in a plain newline.
std::string csv_header();

// One row per device and memory. An unknown capacity is an empty field.
std::string csv_rows(const stats::Snapshot& snapshot);

}  // namespace trackshm::tools
