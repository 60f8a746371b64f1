// SPDX-License-Identifier: Apache-2.0
//
// What the command lines of all tools have in common: -h, -V, and one line on stderr for a usage error.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/output.hpp"

namespace trackshm::tools {

// "shmtop 0.1.0 (layout version 1)"
std::string version_text(std::string_view program);

// Adds -h/--help and -V/--version. `program` is the name in messages, whatever argv[0] is.
void add_common_flags(CLI::App& app, const std::string& program);

// Unlike CLI::Range it takes no nan.
CLI::Validator number_between(double least, double most);

// Nothing if the program is to go on, else what it is to exit with. Help and version are printed by this.
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

// Prints "PROGRAM: MESSAGE" on one line of stderr.
void print_error(std::string_view program, std::string_view message);

// What main() of a tool comes to: `run`, and for whatever it throws, or a segment that is cut off while it
// reads, one line on stderr and exit_failure.
int run_program(std::string_view program, int (*run)(int argc, char** argv), int argc, char** argv);

// Of a program whose answer was written to `file`, or where that is empty to stdout. If that failed, print_error says so;
// errno says why.
int exit_code_of(std::string_view program, OutputResult result, std::string_view file = {});

// print_error for a usage error: points to --help and returns exit_usage.
int usage_error(std::string_view program, std::string_view message);

}  // namespace trackshm::tools
