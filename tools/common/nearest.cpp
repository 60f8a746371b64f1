// SPDX-License-Identifier: Apache-2.0
#include "common/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace trackshm::tools {
namespace {

bool same_letter(char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

// Levenshtein distance: letters to insert, remove or replace.
std::size_t distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);  // from the letters of `from` so far to every prefix of `to`
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < to.size(); ++j) {
            const std::size_t replaced = diagonal + (same_letter(from[i], to[j]) ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
    constexpr std::size_t longest = 64;  // what is longer is no typing error
    if (word.empty() || word.size() > longest) return {};
    std::string_view best;
    std::size_t best_distance = word.size() / 2 + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t candidate_distance = distance(word, candidate);
        if (candidate_distance >= best_distance) continue;
        best = candidate;
        best_distance = candidate_distance;
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
    const std::string_view candidate = nearest(word, candidates);
    return candidate.empty() ? std::string{} : fmt::format("; did you mean '{}'?", candidate);
}

}  // namespace trackshm::tools
