// SPDX-License-Identifier: Apache-2.0
//
// What a real parser makes of it is tested in tests/system/formats_test.cpp.
#include "shmtop/view_prom.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <string>

namespace trackshm::tools {
namespace {

TEST_CASE("a family is its help, its type and its samples") {
    CHECK(prometheus_text({{"x_bytes", "Some bytes.", MetricType::gauge, {{{}, 3}, {{{"device", "0"}}, 4}}},
                           {"y_total", "Some events.", MetricType::counter, {{{{"a", "1"}, {"b", "2"}}, 0.25}}}}) ==
          "# HELP x_bytes Some bytes.\n# TYPE x_bytes gauge\nx_bytes 3\nx_bytes{device=\"0\"} 4\n"
          "# HELP y_total Some events.\n# TYPE y_total counter\ny_total{a=\"1\",b=\"2\"} 0.25\n");
}

TEST_CASE("label values are escaped") {
    CHECK(prometheus_text({{"x", "X.", MetricType::gauge, {{{{"name", "a\\b\"c\nd"}}, 1}}}}).find(
              "x{name=\"a\\\\b\\\"c\\nd\"} 1\n") != std::string::npos);
}

TEST_CASE("whole numbers are printed in full, however large") {
    CHECK(prometheus_text({{"x", "X.", MetricType::gauge, {{{}, 9007199254740992.0}}}}).find("x 9007199254740992\n") !=
          std::string::npos);
}

TEST_CASE("a histogram has its buckets, their sum and their count") {
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK(prometheus_text({{"x", "X.", MetricType::histogram, {{{{"d", "0"}}, 70, {{16, 1}, {64, 2}, {infinity, 2}}}}}}) ==
          "# HELP x X.\n# TYPE x histogram\n"
          "x_bucket{d=\"0\",le=\"16\"} 1\nx_bucket{d=\"0\",le=\"64\"} 2\nx_bucket{d=\"0\",le=\"+Inf\"} 2\n"
          "x_sum{d=\"0\"} 70\nx_count{d=\"0\"} 2\n");
}

}  // namespace
}  // namespace trackshm::tools
