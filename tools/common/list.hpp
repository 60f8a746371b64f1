// SPDX-License-Identifier: Apache-2.0
//
// LIST arguments: "2,4-5". An option that takes one may be repeated; the lists add up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trackshm::tools {

// Splits at commas; an empty item is an error like any other item that cannot be parsed.
std::vector<std::string_view> split_list(std::string_view text);

// A set of numbers as ranges. Empty: nothing was asked for, so everything passes.
class NumberList {
public:
    // False, with `problem` set to one phrase, if `text` is no list of numbers up to `maximum`.
    bool add(std::string_view text, std::uint64_t maximum, std::string& problem);

    bool empty() const noexcept { return ranges_.empty(); }
    bool contains(std::uint64_t number) const noexcept;
    bool passes(std::uint64_t number) const noexcept { return empty() || contains(number); }

private:
    struct Range {
        std::uint64_t first;
        std::uint64_t last;
    };
    std::vector<Range> ranges_;
};

}  // namespace trackshm::tools
