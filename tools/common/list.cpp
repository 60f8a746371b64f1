// SPDX-License-Identifier: Apache-2.0
#include "common/list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/number.hpp"
#include "common/text.hpp"

namespace trackshm::tools {

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> items;
    while (true) {
        const std::size_t comma = text.find(',');
        items.push_back(trimmed(text.substr(0, comma)));
        if (comma == std::string_view::npos) return items;
        text.remove_prefix(comma + 1);
    }
}

bool NumberList::add(std::string_view text, std::uint64_t maximum, std::string& problem) {
    for (const std::string_view item : split_list(text)) {
        const std::size_t dash = item.find('-');
        const auto first = parse_number<std::uint64_t>(item.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : parse_number<std::uint64_t>(item.substr(dash + 1));
        if (!first || !last) {
            problem = fmt::format("'{}' is not a number or a range like 4-5", item);
            return false;
        }
        if (*first > *last) {
            problem = fmt::format("the range '{}' runs backwards", item);
            return false;
        }
        if (*last > maximum) {
            problem = fmt::format("'{}' is beyond {}", item, maximum);
            return false;
        }
        ranges_.push_back({*first, *last});
    }
    return true;
}

bool NumberList::contains(std::uint64_t number) const noexcept {
    return std::any_of(ranges_.begin(), ranges_.end(),
                       [&](const Range& range) { return range.first <= number && number <= range.last; });
}

}  // namespace trackshm::tools
