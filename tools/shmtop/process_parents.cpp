// SPDX-License-Identifier: Apache-2.0
#include "shmtop/process_parents.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

namespace trackshm::tools {
namespace {

constexpr int max_generations = 64;  // processes may end and pids be reused while they are looked at

// 0 if it is gone or may not be looked at.
std::int32_t parent_of(std::int32_t pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    const std::string text(std::istreambuf_iterator<char>(file), {});
    // "PID (COMM) STATE PPID ..": the name may hold anything, parentheses and blanks included.
    const std::size_t end_of_name = text.rfind(')');
    if (end_of_name == std::string::npos || text.size() < end_of_name + 4) return 0;
    return static_cast<std::int32_t>(std::strtol(text.c_str() + end_of_name + 3, nullptr, 10));
}

}  // namespace

Parents find_parents(const std::vector<std::int32_t>& pids) {
    const std::set<std::int32_t> tracked(pids.begin(), pids.end());
    std::map<std::int32_t, std::int32_t> known;  // many have the same parents
    Parents parents;
    for (const std::int32_t pid : pids) {
        std::int32_t ancestor = pid;
        for (int i = 0; i < max_generations && ancestor > 0; ++i) {
            const auto found = known.find(ancestor);
            const std::int32_t parent = found != known.end() ? found->second : parent_of(ancestor);
            known[ancestor] = parent;
            ancestor = parent;
            if (ancestor <= 0 || !tracked.contains(ancestor)) continue;
            parents[pid] = ancestor;
            break;
        }
    }
    return parents;
}

}  // namespace trackshm::tools
