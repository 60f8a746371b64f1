// SPDX-License-Identifier: Apache-2.0
//
// What the tools write, read by parsers that others wrote: see formats.py.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "support/child.hpp"

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

struct ParseResult {
    bool skipped = false;  // there is no such parser here
    std::string problem;   // empty: well-formed
    nlohmann::json value;  // what formats.py prints of it
};

// `kind` as formats.py lists them.
ParseResult parse(const std::string& kind, const std::string& text, const Arguments& more = {});

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

}  // namespace trackshm::test

// The parsed value; ends the test as skipped without a parser, as failed where `text` is malformed.
#define REQUIRE_PARSED(variable, ...)                                 \
    const auto variable##_result = trackshm::test::parse(__VA_ARGS__); \
    if (variable##_result.skipped) SKIP_TEST(variable##_result.problem); \
    REQUIRE(variable##_result.problem == "");                         \
    [[maybe_unused]] const nlohmann::json& variable = variable##_result.value
