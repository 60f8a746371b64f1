// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_csv.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>
#include <string>

#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

TEST_CASE("CSV has one row per device and memory with as many fields as the header") {
    const std::string header = CsvQuery().header();
    const auto columns = std::count(header.begin(), header.end(), ',');
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = "plain";
    std::istringstream rows(CsvQuery().rows(snapshot));
    int count = 0;
    for (std::string row; std::getline(rows, row); ++count) CHECK(std::count(row.begin(), row.end(), ',') == columns);
    CHECK(count == 3);
}

TEST_CASE("CSV fields with commas and quotes are quoted") {
    stats::Snapshot snapshot = sample_snapshot();
    CHECK(CsvQuery().rows(snapshot).find(",0,\"mesh (0,1)\",DRAM,314572800,3,") != std::string::npos);
    snapshot.devices[0].name = "say \"hi\"";
    CHECK(CsvQuery().rows(snapshot).find(",\"say \"\"hi\"\"\",DRAM,") != std::string::npos);
}

TEST_CASE("names reach CSV without control characters") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = hostile_name;
    snapshot.processes[1].comm = hostile_name;
    std::string problem;
    for (const char* fields : {"device,name", "pid,comm"}) {
        const std::string rows = CsvQuery::parse({fields}, problem)->rows(snapshot);
        CAPTURE(rows);
        CHECK(rows.find(harmless_name) != std::string::npos);
        CHECK(rows.find('\x1B') == std::string::npos);
    }
}

TEST_CASE("an unknown capacity is an empty CSV field") {
    CHECK(CsvQuery().rows(sample_snapshot()).find(",3,,DRAM,104857600,1,104857600,,1,") != std::string::npos);
}

TEST_CASE("the columns of CSV without a query stay as they are") {
    CHECK(CsvQuery().header() ==
          "time_unix_ns,namespace,device,name,type,live_bytes,live_buffers,peak_bytes,capacity_bytes,allocations_total,"
          "allocated_bytes_total,deallocations_total,deallocated_bytes_total,allocation_failures_total,gauge_bytes,"
          "exact\n");
}

TEST_CASE("every field can be asked for alone, and is described") {
    for (const CsvField& field : csv_fields()) {
        CAPTURE(field.name);
        CHECK_FALSE(field.help.empty());
        CHECK(csv_query_help().find(field.name) != std::string::npos);
        std::string problem;
        const auto query = CsvQuery::parse({std::string(field.name)}, problem);
        const bool needs_key = !query && problem.find("has no '") != std::string::npos;
        CHECK((query || needs_key));
        if (query) CHECK(query->header() == std::string(field.name) + "\n");
    }
}

TEST_CASE("a row with one empty field is no empty line") {
    std::string problem;
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].types[0].capacity_bytes.reset();
    CHECK(CsvQuery::parse({"capacity_bytes"}, problem)->rows(snapshot) == "\"\"\n");
}

}  // namespace
}  // namespace trackshm::tools
