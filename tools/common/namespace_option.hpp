// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace trackshm::tools {

// Adds --namespace, validated; the default is $TRACKSHM_NAMESPACE, else "default". `name_space` receives it and must
// outlive the parse.
void add_namespace_option(CLI::App& app, std::string& name_space);

}  // namespace trackshm::tools
