// SPDX-License-Identifier: Apache-2.0
#include "support/formats.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/commands.hpp"

namespace trackshm::test {

namespace fs = std::filesystem;

namespace {

constexpr int skipped = 77;

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "trackshm-test.XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::vector<std::string> TemporaryDirectory::files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.push_back(entry.path().filename());
    return names;
}

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

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace trackshm::test
