// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/metrics.hpp"

namespace trackshm::tools {

// Prometheus's text exposition format, version 0.0.4: HELP, TYPE and samples of each family.
std::string prometheus_text(const std::vector<MetricFamily>& families);

}  // namespace trackshm::tools
