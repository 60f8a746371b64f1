// SPDX-License-Identifier: Apache-2.0
#include "shm_exporter/collector.hpp"

#include <prometheus/text_serializer.h>

#include <catch2/catch.hpp>
#include <limits>

namespace trackshm::tools {
namespace {

std::string exposition_of(const MetricFamily& family, const std::string& name_space) {
    return prometheus::TextSerializer().Serialize({to_prometheus(family, name_space)});
}

}  // namespace

TEST_CASE("a family is exposed with the namespace as its first label") {
    const MetricFamily family{"trackshm_live_bytes", "Bytes held now.", MetricType::gauge, {{{{"device", "3"}}, 42}}};
    CHECK(exposition_of(family, "ci") ==
          "# HELP trackshm_live_bytes Bytes held now.\n"
          "# TYPE trackshm_live_bytes gauge\n"
          "trackshm_live_bytes{namespace=\"ci\",device=\"3\"} 42\n");
}

TEST_CASE("a namespace among the labels is not put there twice") {
    const MetricFamily family{"trackshm_aggregator_info", "x", MetricType::gauge, {{{{"namespace", "ci"}}, 1}}};
    CHECK(exposition_of(family, "ci").find("trackshm_aggregator_info{namespace=\"ci\"} 1\n") != std::string::npos);
}

TEST_CASE("a name with quotes and line ends stays one label") {
    const MetricFamily family{"trackshm_device_info", "x", MetricType::gauge, {{{{"name", "a\"b\\c\nd"}}, 1}}};
    CHECK(exposition_of(family, "").find("{name=\"a\\\"b\\\\c\\nd\"} 1\n") != std::string::npos);
}

TEST_CASE("bytes up to 2^53 are exposed to the last one") {
    const MetricFamily family{"trackshm_allocated_bytes_total", "x", MetricType::counter, {{{}, 9007199254740991.0}}};
    const std::string text = exposition_of(family, "");
    const std::string line = text.substr(text.rfind('\n', text.size() - 2) + 1);
    CHECK(std::stod(line.substr(line.find(' '))) == 9007199254740991.0);
}

TEST_CASE("a histogram ends with the bucket that has no bound") {
    const double infinity = std::numeric_limits<double>::infinity();
    const MetricFamily family{
        "trackshm_allocation_size_bytes", "x", MetricType::histogram, {{{}, 1234, {{1024, 1}, {2048, 3}, {infinity, 4}}}}};
    const std::string text = exposition_of(family, "ci");
    INFO(text);
    CHECK(text.find("trackshm_allocation_size_bytes_bucket{namespace=\"ci\",le=\"1024\"} 1\n") != std::string::npos);
    CHECK(text.find("trackshm_allocation_size_bytes_bucket{namespace=\"ci\",le=\"2048\"} 3\n") != std::string::npos);
    CHECK(text.find("trackshm_allocation_size_bytes_bucket{namespace=\"ci\",le=\"+Inf\"} 4\n") != std::string::npos);
    CHECK(text.find("trackshm_allocation_size_bytes_count{namespace=\"ci\"} 4\n") != std::string::npos);
    CHECK(text.find("trackshm_allocation_size_bytes_sum{namespace=\"ci\"} 1234\n") != std::string::npos);
}

TEST_CASE("a namespace without an aggregator is down and has no figures") {
    ExporterOptions options;
    options.name_spaces = {"no-such-namespace"};
    const Collector collector(options);
    std::vector<std::string> names;
    for (const auto& family : collector.Collect()) names.push_back(family.name);
    CHECK(names == std::vector<std::string>{"trackshm_build_info", "trackshm_up"});
    CHECK(collector.Collect().at(1).metric.at(0).gauge.value == 0);
}

}  // namespace trackshm::tools
