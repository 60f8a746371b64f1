// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <trackshm/stats.hpp>

#include "shmtop/csv_fields.hpp"

namespace trackshm::tools {

// The columns of --csv, as --query asks for them. Fields are quoted as RFC 4180 says; lines end in a plain newline.
class CsvQuery {
public:
    // One row per device and memory with the columns of --csv alone: these are only ever added to, at the end.
    CsvQuery();

    // Nothing, with `problem` set, if a list of field names names an unknown one or one that its rows do not have.
    static std::optional<CsvQuery> parse(const std::vector<std::string>& lists, std::string& problem);

    std::string header() const;
    std::string rows(const stats::Snapshot& snapshot) const;

private:
    RowKind kind_ = RowKind::memory;
    std::vector<CsvField> fields_;
};

// What there is to ask for, as a table for people.
std::string csv_query_help();

}  // namespace trackshm::tools
