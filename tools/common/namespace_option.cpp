// SPDX-License-Identifier: Apache-2.0
#include "common/namespace_option.hpp"

#include <fmt/format.h>

#include "shm/names.hpp"

namespace trackshm::tools {

void add_namespace_option(CLI::App& app, std::string& name_space) {
    name_space = shm::default_namespace;
    app.add_option("--namespace", name_space, "Instance to look at: letters, digits, _ and -, up to 32")
        ->option_text("NAME (default: $TRACKSHM_NAMESPACE, else \"default\")")
        ->envname("TRACKSHM_NAMESPACE")
        ->check([](const std::string& name) {
            if (shm::is_valid_namespace(name)) return std::string{};
            return fmt::format("'{}' is no namespace: use 1 to 32 letters, digits, _ or -", name);
        });
}

}  // namespace trackshm::tools
