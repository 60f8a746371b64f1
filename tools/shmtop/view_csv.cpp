// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/list.hpp"
#include "common/nearest.hpp"

namespace trackshm::tools {
namespace {

constexpr std::array<std::string_view, 16> default_columns = {
    "time_unix_ns",      "namespace",           "device",
    "name",              "type",                "live_bytes",
    "live_buffers",      "peak_bytes",          "capacity_bytes",
    "allocations_total", "allocated_bytes_total", "deallocations_total",
    "deallocated_bytes_total", "allocation_failures_total", "gauge_bytes",
    "exact"};

std::string quoted(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string field = "\"";
    for (const char c : text) field.append(c == '"' ? 2 : 1, c);
    return field + '"';
}

const CsvField* find_field(std::string_view name) {
    const auto& fields = csv_fields();
    const auto found = std::find_if(fields.begin(), fields.end(), [&](auto& field) { return field.name == name; });
    return found == fields.end() ? nullptr : &*found;
}

std::string unknown_field(std::string_view name) {
    std::vector<std::string_view> names;
    for (const CsvField& field : csv_fields()) names.push_back(field.name);
    return fmt::format("there is no field '{}'{}; --help-query lists them", name, did_you_mean(name, names));
}

const char* text_of(RowKind kind) {
    switch (kind) {
        case RowKind::device: return "device";
        case RowKind::memory: return "device and memory";
        case RowKind::process: return "process";
        case RowKind::usage: return "process and memory";
        case RowKind::whole: break;
    }
    return "snapshot";
}

// What is asked for tells what a row is: its keys are those fields that only some kinds of rows have.
RowKind kind_of(const std::vector<CsvField>& fields) {
    const auto asks_for = [&](std::initializer_list<std::string_view> keys) {
        return std::any_of(fields.begin(), fields.end(), [&](const CsvField& field) {
            return std::find(keys.begin(), keys.end(), field.name) != keys.end();
        });
    };
    const bool devices = asks_for({"device", "name"});
    const bool types = asks_for({"type"});
    if (asks_for({"pid", "own_pid", "comm", "uid", "user"})) return devices || types ? RowKind::usage : RowKind::process;
    if (types) return RowKind::memory;
    return devices ? RowKind::device : RowKind::whole;
}

}  // namespace

CsvQuery::CsvQuery() {
    for (const std::string_view name : default_columns) fields_.push_back(*find_field(name));
}

std::optional<CsvQuery> CsvQuery::parse(const std::vector<std::string>& lists, std::string& problem) {
    CsvQuery query;
    query.fields_.clear();
    for (const std::string& list : lists) {
        for (const std::string_view name : split_list(list)) {
            const CsvField* field = find_field(name);
            if (field == nullptr) {
                problem = unknown_field(name);
                return std::nullopt;
            }
            query.fields_.push_back(*field);
        }
    }
    query.kind_ = kind_of(query.fields_);
    for (const CsvField& field : query.fields_) {
        if (field.is_known_of(query.kind_)) continue;
        problem = fmt::format("with these fields a row is one {}, which has no '{}' (--help-query lists who has what)",
                              text_of(query.kind_), field.name);
        return std::nullopt;
    }
    return query;
}

std::string CsvQuery::header() const {
    std::string line;
    for (const CsvField& field : fields_) line += fmt::format("{}{}", line.empty() ? "" : ",", field.name);
    return line + '\n';
}

std::string CsvQuery::rows(const stats::Snapshot& snapshot) const {
    std::string text;
    for (const CsvRow& row : csv_rows_of(snapshot, kind_)) {
        std::string line;
        for (const CsvField& field : fields_) {
            if (&field != &fields_.front()) line += ',';
            line += quoted(field.text(row));
        }
        text += (line.empty() ? "\"\"" : line) + '\n';  // an empty line would be no row
    }
    return text;
}

std::string csv_query_help() {
    std::string text =
        "Fields of --query, and the rows that have them: w the whole, d device, m memory of a device, p process,\n"
        "u process in one memory. A row is about what is asked for: per device with 'device', per memory with 'type',\n"
        "per process with 'pid', per process and memory with both, else one row about the whole.\n\n";
    constexpr std::array kinds{std::pair{RowKind::whole, 'w'}, std::pair{RowKind::device, 'd'},
                               std::pair{RowKind::memory, 'm'}, std::pair{RowKind::process, 'p'},
                               std::pair{RowKind::usage, 'u'}};
    for (const CsvField& field : csv_fields()) {
        std::string letters;
        for (const auto& [kind, letter] : kinds) letters += field.is_known_of(kind) ? letter : '-';
        text += fmt::format("  {:<26} {}  {}\n", field.name, letters, field.help);
    }
    return text;
}

}  // namespace trackshm::tools
