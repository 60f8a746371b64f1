// SPDX-License-Identifier: Apache-2.0
#include "harness/registry.hpp"

#include <algorithm>
#include <utility>

namespace trackshm::bench {
namespace {

// Function-local, because registrations run before main() in no particular order.
std::vector<Benchmark>& registered_benchmarks() {
    static std::vector<Benchmark> all;
    return all;
}

std::vector<Role>& registered_roles() {
    static std::vector<Role> all;
    return all;
}

}  // namespace

RegisterBenchmark::RegisterBenchmark(Benchmark benchmark) { registered_benchmarks().push_back(std::move(benchmark)); }

RegisterRole::RegisterRole(Role role) { registered_roles().push_back(std::move(role)); }

std::vector<Benchmark> benchmarks() {
    std::vector<Benchmark> sorted = registered_benchmarks();
    std::sort(sorted.begin(), sorted.end(),
              [](const Benchmark& left, const Benchmark& right) { return left.name < right.name; });
    return sorted;
}

const Role* find_role(const std::string& name) {
    const std::vector<Role>& all = registered_roles();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Role& role) { return role.name == name; });
    return found == all.end() ? nullptr : &*found;
}

}  // namespace trackshm::bench
