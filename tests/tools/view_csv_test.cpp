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
    const std::string header = csv_header();
    const auto columns = std::count(header.begin(), header.end(), ',');
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = "plain";
    std::istringstream rows(csv_rows(snapshot));
    int count = 0;
    for (std::string row; std::getline(rows, row); ++count) CHECK(std::count(row.begin(), row.end(), ',') == columns);
    CHECK(count == 3);
}

TEST_CASE("CSV fields with commas, quotes and line ends are quoted") {
    stats::Snapshot snapshot = sample_snapshot();
    CHECK(csv_rows(snapshot).find(",0,\"mesh (0,1)\",DRAM,314572800,3,") != std::string::npos);
    snapshot.devices[0].name = "say \"hi\"\n";
    CHECK(csv_rows(snapshot).find(",\"say \"\"hi\"\"\n\",DRAM,") != std::string::npos);
}

TEST_CASE("an unknown capacity is an empty CSV field") {
    CHECK(csv_rows(sample_snapshot()).find(",3,,DRAM,104857600,1,104857600,,1,") != std::string::npos);
}

}  // namespace
}  // namespace trackshm::tools
