// SPDX-License-Identifier: Apache-2.0
#include "support/formats.hpp"

#include "support/commands.hpp"

namespace trackshm::test {

namespace {

constexpr int skipped = 77;

}  // namespace

ParseResult parse(const std::string& kind, const std::string& text, const Arguments& more) {
    const TemporaryDirectory directory;
    write_file(directory / "text", text);
    // Debian's own python: its packages are not seen by another one that may come first in the path.
    Arguments arguments{"/usr/bin/python3", FORMATS_SCRIPT_PATH, kind, directory / "text"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult result = run(arguments);
    if (result.status.exited_with(skipped)) return {true, result.error_output, {}};
    if (!result.status.exited_with(0)) return {false, "refused: " + result.error_output, {}};
    return {false, "", result.output.empty() ? nlohmann::json() : nlohmann::json::parse(result.output)};
}

}  // namespace trackshm::test
