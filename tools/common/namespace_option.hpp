// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace trackshm::tools {

// Adds --namespace, validated; the default is $TRACKSHM_NAMESPACE, else "default". `name_space` receives it and must
// outlive the parse.
void add_namespace_option(CLI::App& app, std::string& name_space);

// The same for a program that looks at several: the option may be repeated. What is named twice is there once.
void add_namespaces_option(CLI::App& app, std::vector<std::string>& name_spaces);

}  // namespace trackshm::tools
