// SPDX-License-Identifier: Apache-2.0
//
// What the tools write, read by parsers that others wrote: see formats.py.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace trackshm::test {

struct ParseResult {
    bool skipped = false;  // there is no such parser here
    std::string problem;   // empty: well-formed
    nlohmann::json value;  // what formats.py prints of it
};

// `kind` as formats.py lists them.
ParseResult parse(const std::string& kind, const std::string& text, const Arguments& more = {});

}  // namespace trackshm::test

// The parsed value; ends the test as skipped without a parser, as failed where `text` is malformed.
#define REQUIRE_PARSED(variable, ...)                                 \
    const auto variable##_result = trackshm::test::parse(__VA_ARGS__); \
    if (variable##_result.skipped) SKIP_TEST(variable##_result.problem); \
    REQUIRE(variable##_result.problem == "");                         \
    [[maybe_unused]] const nlohmann::json& variable = variable##_result.value
