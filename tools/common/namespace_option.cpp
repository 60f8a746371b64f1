// SPDX-License-Identifier: Apache-2.0
#include "common/namespace_option.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "shm/names.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* option_text = "NAME (default: $TRACKSHM_NAMESPACE, else \"default\")";
constexpr const char* variable = "TRACKSHM_NAMESPACE";

std::string problem_with(const std::string& name) {
    if (shm::is_valid_namespace(name)) return {};
    return fmt::format("'{}' is no namespace: use 1 to 32 letters, digits, _ or -", name);
}

}  // namespace

void add_namespace_option(CLI::App& app, std::string& name_space) {
    name_space = shm::default_namespace;
    app.add_option("--namespace", name_space, "Instance of trackshm: letters, digits, _ and -, up to 32")
        ->option_text(option_text)
        ->envname(variable)
        ->check(problem_with);
}

void add_namespaces_option(CLI::App& app, std::vector<std::string>& name_spaces) {
    name_spaces.assign(1, std::string{shm::default_namespace});
    const auto take = [&name_spaces](const std::vector<std::string>& names) {
        name_spaces.clear();
        for (const std::string& name : names) {
            if (std::find(name_spaces.begin(), name_spaces.end(), name) == name_spaces.end()) name_spaces.push_back(name);
        }
    };
    app.add_option_function<std::vector<std::string>>(
           "--namespace", take, "Instance to look at: letters, digits, _ and -, up to 32; may be repeated")
        ->option_text(option_text)
        ->envname(variable)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(problem_with);
}

}  // namespace trackshm::tools
