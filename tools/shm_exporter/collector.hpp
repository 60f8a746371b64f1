// SPDX-License-Identifier: Apache-2.0
//
// What one scrape gets: a snapshot of every namespace, as prometheus-cpp's families. Names and values are those of
// common/metrics.hpp; the label `namespace` tells several namespaces apart, and is there with one, too, so that adding
// a second does not rename the series of the first.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/metrics.hpp"
#include "shm_exporter/options.hpp"

namespace trackshm::tools {

prometheus::MetricFamily to_prometheus(const MetricFamily& family, const std::string& name_space);

// `options` must outlive it. Several threads may collect at once.
class Collector : public prometheus::Collectable {
public:
    explicit Collector(const ExporterOptions& options) : options_(options) {}

    std::vector<prometheus::MetricFamily> Collect() const override;

private:
    std::vector<MetricFamily> read(const std::string& name_space) const;
    void note(const std::string& name_space, const std::string& problem) const;

    const ExporterOptions& options_;
    mutable std::mutex mutex_;
    mutable std::map<std::string, std::string> problems_;  // the last one of each namespace; empty while all is well
};

}  // namespace trackshm::tools
