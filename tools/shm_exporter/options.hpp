// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "shm_exporter/listen_address.hpp"

namespace trackshm::tools {

struct ExporterOptions {
    ListenAddress listen{"127.0.0.1", 9477, false};
    std::vector<std::string> name_spaces;  // at least one, each once
    bool per_process = false;
    std::size_t max_processes = 50;
};

// Nothing if shm_exporter is to go on with `options`, else what to exit with.
std::optional<int> parse_exporter_options(int argc, const char* const* argv, ExporterOptions& options);

}  // namespace trackshm::tools
