// SPDX-License-Identifier: Apache-2.0
//
// Files of a test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace trackshm::test {

// A directory of one test; goes with everything in it.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    std::string operator/(const std::string& file) const { return (path_ / file).string(); }
    // Names of what is in it, hidden files too.
    std::vector<std::string> files() const;

private:
    std::filesystem::path path_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

}  // namespace trackshm::test
