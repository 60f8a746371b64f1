// SPDX-License-Identifier: Apache-2.0
#include "shmtop/usage_groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace trackshm::tools {

std::vector<UsageGroup> usage_groups(const stats::Process& process) {
    std::vector<stats::Usage> usage;
    std::copy_if(process.usage.begin(), process.usage.end(), std::back_inserter(usage),
                 [](const stats::Usage& row) { return row.live_bytes != 0 || row.live_buffers != 0; });
    std::stable_sort(usage.begin(), usage.end(), [](const auto& a, const auto& b) { return a.type < b.type; });
    std::vector<UsageGroup> groups;
    for (const stats::Usage& row : usage) {
        UsageGroup* last = groups.empty() ? nullptr : &groups.back();
        if (last != nullptr && last->type == row.type && last->last_device + 1 == row.device &&
            last->live_bytes == row.live_bytes) {
            last->last_device = row.device;
        } else {
            groups.push_back({row.device, row.device, row.type, row.live_bytes});
        }
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& a, const auto& b) { return a.live_bytes > b.live_bytes; });
    return groups;
}

std::string where_text(const stats::Process& process, ByteUnit unit) {
    std::string text;
    for (const UsageGroup& group : usage_groups(process)) {
        const std::string devices = group.first_device == group.last_device
                                        ? fmt::format("{}", group.first_device)
                                        : fmt::format("{}-{}", group.first_device, group.last_device);
        text += fmt::format("{}{}:{} {}{}", text.empty() ? "" : ", ", devices, stats::type_name(group.type),
                            format_bytes(group.live_bytes, unit), group.first_device == group.last_device ? "" : " each");
    }
    return text;
}

}  // namespace trackshm::tools
