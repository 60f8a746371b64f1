// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_prom.hpp"

#include <fmt/format.h>

#include <cmath>

namespace trackshm::tools {
namespace {

const char* text_of(MetricType type) {
    switch (type) {
        case MetricType::counter: return "counter";
        case MetricType::histogram: return "histogram";
        case MetricType::gauge: break;
    }
    return "gauge";
}

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '\\': result += "\\\\"; break;
            case '"': result += "\\\""; break;
            case '\n': result += "\\n"; break;
            default: result += c;
        }
    }
    return result;
}

std::string number(double value) {
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    return value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

// {a="1",b="2"}, nothing for no labels.
std::string braced(const MetricLabels& labels) {
    std::string list;
    for (const auto& [name, value] : labels) {
        list += fmt::format("{}{}=\"{}\"", list.empty() ? "" : ",", name, escaped(value));
    }
    return list.empty() ? list : '{' + list + '}';
}

void append_histogram(std::string& text, const MetricFamily& family, const MetricSample& sample) {
    for (const HistogramBucket& bucket : sample.buckets) {
        MetricLabels labels = sample.labels;
        labels.emplace_back("le", number(bucket.upper_bound));
        text += fmt::format("{}_bucket{} {}\n", family.name, braced(labels), bucket.cumulative_count);
    }
    const std::uint64_t count = sample.buckets.empty() ? 0 : sample.buckets.back().cumulative_count;
    text += fmt::format("{}_sum{} {}\n", family.name, braced(sample.labels), number(sample.value));
    text += fmt::format("{}_count{} {}\n", family.name, braced(sample.labels), count);
}

}  // namespace

std::string prometheus_text(const std::vector<MetricFamily>& families) {
    std::string text;
    for (const MetricFamily& family : families) {
        text += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", family.name, family.help, text_of(family.type));
        for (const MetricSample& sample : family.samples) {
            if (family.type == MetricType::histogram) {
                append_histogram(text, family, sample);
            } else {
                text += fmt::format("{}{} {}\n", family.name, braced(sample.labels), number(sample.value));
            }
        }
    }
    return text;
}

}  // namespace trackshm::tools
