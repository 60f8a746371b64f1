// SPDX-License-Identifier: Apache-2.0
#include "harness/report.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace trackshm::bench {
namespace {

std::string as_cell(double value) {
    const double size = std::abs(value);
    if (size >= 1e6) return fmt::format("{:.2f}M", value / 1e6);
    if (size >= 1000) return fmt::format("{:.0f}", value);
    return fmt::format("{:.{}f}", value, size >= 100 ? 1 : 2);
}

// The figures of all variants, in the order in which they first appear.
std::vector<std::string> columns_of(const std::vector<Figures>& rows) {
    std::vector<std::string> columns;
    for (const Figures& row : rows) {
        for (const auto& item : row.items()) {
            if (std::find(columns.begin(), columns.end(), item.key()) == columns.end()) columns.push_back(item.key());
        }
    }
    return columns;
}

}  // namespace

std::string as_table(const Result& result) {
    std::vector<Figures> rows;
    std::size_t name_width = result.benchmark.size();
    for (const Measurement& measurement : result.measurements) {
        rows.push_back(across_rounds(measurement.rounds));
        name_width = std::max(name_width, measurement.variant.size());
    }
    const std::vector<std::string> columns = columns_of(rows);

    std::string text = fmt::format("{:<{}}", result.benchmark, name_width);
    for (const std::string& column : columns) text += fmt::format("  {:>9}", column);
    for (std::size_t index = 0; index < rows.size(); ++index) {
        text += fmt::format("\n{:<{}}", result.measurements[index].variant, name_width);
        for (const std::string& column : columns) {
            const auto figure = rows[index].find(column);
            const std::string cell = figure == rows[index].end() ? "-" : as_cell(figure->get<double>());
            text += fmt::format("  {:>{}}", cell, std::max<std::size_t>(column.size(), 9));
        }
    }
    for (const std::string& note : result.notes) text += fmt::format("\n  {}", note);
    for (const std::string& failure : result.failures) text += fmt::format("\n  FAILED {}", failure);
    return text + "\n";
}

nlohmann::ordered_json as_json(const nlohmann::ordered_json& machine, const Options& options,
                               const std::vector<Result>& results) {
    nlohmann::ordered_json document = {{"schema", "trackshm.bench/1"}, {"machine", machine},
                                       {"rounds", options.rounds},     {"quick", options.quick},
                                       {"benchmarks", nlohmann::ordered_json::array()}};
    for (const Result& result : results) {
        nlohmann::ordered_json variants = nlohmann::ordered_json::array();
        for (const Measurement& measurement : result.measurements) {
            variants.push_back({{"variant", measurement.variant},
                                {"median", across_rounds(measurement.rounds)},
                                {"rounds", measurement.rounds}});
        }
        document["benchmarks"].push_back({{"name", result.benchmark},
                                          {"variants", std::move(variants)},
                                          {"notes", result.notes},
                                          {"failures", result.failures}});
    }
    return document;
}

}  // namespace trackshm::bench
