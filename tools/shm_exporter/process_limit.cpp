// SPDX-License-Identifier: Apache-2.0
#include "shm_exporter/process_limit.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace trackshm::tools {
namespace {

// Ascending by pid as a last resort, so that two scrapes choose the same.
bool holds_more(const stats::Process& a, const stats::Process& b) {
    return std::tuple(b.live_bytes, b.peak_bytes, a.pid) < std::tuple(a.live_bytes, a.peak_bytes, b.pid);
}

bool is_of_others(const MetricSample& sample) {
    return std::any_of(sample.labels.begin(), sample.labels.end(), [](const auto& label) {
        return label.first == "comm" && label.second == other_processes;
    });
}

}  // namespace

void merge_processes_beyond(std::size_t limit, stats::Snapshot& snapshot) {
    auto& processes = snapshot.processes;
    if (processes.size() <= limit) return;
    const auto first_other = processes.begin() + static_cast<std::ptrdiff_t>(limit);
    std::nth_element(processes.begin(), first_other, processes.end(), holds_more);
    std::for_each(first_other, processes.end(), [](stats::Process& other) {
        other.pid = 0;
        other.comm = other_processes;
    });
}

void drop_what_does_not_add_up(std::vector<MetricFamily>& families) {
    for (MetricFamily& family : families) {
        const bool is_peak = std::string_view(family.name).ends_with("_peak_bytes");
        if (family.type != MetricType::gauge || is_peak) std::erase_if(family.samples, is_of_others);
    }
    std::erase_if(families, [](const MetricFamily& family) { return family.samples.empty(); });
}

}  // namespace trackshm::tools
