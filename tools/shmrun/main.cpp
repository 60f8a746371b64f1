// SPDX-License-Identifier: Apache-2.0
//
// shmrun: runs a program with tracking on, and with its malloc hooked if asked for.
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/namespace_option.hpp"
#include "shmrun/launch.hpp"

namespace trackshm::tools {
namespace {

constexpr const char* program_name = "shmrun";

constexpr const char* description =
    "Runs a program with tracking on. Its own exit status and signals come through: the program takes shmrun's place.";

constexpr const char* footer = R"(
Usage: shmrun [--namespace NAME] [--malloc] [--] PROGRAM [ARGUMENTS...]

Programs it starts in turn are tracked too, each on its own.

Examples:
  shmrun -- ./inference --model llama
  shmrun --namespace ci --malloc -- python3 train.py

Exit codes: the program's own; 1 failure, 2 usage, 126 the program cannot be started, 127 there is no such program.)";

struct Options {
    std::string name_space;
    bool hooks_malloc = false;
    std::vector<std::string> program;
};

// The program and its arguments, taken as they are: whatever follows `--` or the first word that is no option.
std::vector<std::string> program_of(const CLI::App& app) {
    std::vector<std::string> words = app.remaining();
    if (!words.empty() && words.front() == "--") words.erase(words.begin());
    return words;
}

// Sets TRACKSHM and its companions, and LD_PRELOAD. Returns what stands in the way of the malloc hooks, if anything does.
std::optional<std::string> prepare_environment(const Options& options) {
    setenv("TRACKSHM", "1", 1);
    setenv("TRACKSHM_NAMESPACE", options.name_space.c_str(), 1);
    if (!options.hooks_malloc) return std::nullopt;
    const auto library = find_malloc_hooks();
    if (!library) {
        return "libtrackshm_malloc.so is neither beside shmrun nor in " TRACKSHM_BIN_TO_LIB
               " from there: reinstall trackshm";
    }
    if (!can_be_preloaded(*library)) {
        return fmt::format("the loader takes the blank or colon in '{}' for the end of a name: move trackshm", *library);
    }
    setenv("LD_PRELOAD", preload_first(*library, getenv("LD_PRELOAD")).c_str(), 1);
    return std::nullopt;
}

int start(const Options& options) {
    const std::string& name = options.program.front();
    const int error = replace_by(options.program);
    if (error == ENOENT && name.find('/') == std::string::npos) {
        print_error(program_name, fmt::format("'{}' is not in $PATH: give its path or install it", name));
    } else {
        print_error(program_name, fmt::format("cannot start '{}': {}", name, std::strerror(error)));
    }
    return error == ENOENT ? exit_program_not_found : exit_cannot_start;
}

int run(int argc, char** argv) {
    CLI::App app{description};
    Options options;
    add_common_flags(app, program_name);
    add_namespace_option(app, options.name_space);
    app.add_flag("--malloc", options.hooks_malloc,
                 "Report every malloc and free as well: device 65535 \"host\", type HOST");
    app.prefix_command();
    app.footer(footer);
    if (const auto exit_code = parse_command_line(app, argc, argv)) return *exit_code;

    const bool has_separator = !app.remaining().empty() && app.remaining().front() == "--";
    options.program = program_of(app);
    if (options.program.empty()) return usage_error(program_name, "no program to run was given");
    if (!has_separator && options.program.front().starts_with('-')) {
        return usage_error(program_name, fmt::format("there is no option '{}'", options.program.front()));
    }
    if (const auto problem = prepare_environment(options)) {
        print_error(program_name, *problem);
        return exit_failure;
    }
    if (const auto reason = why_not_tracked()) {
        print_error(program_name, fmt::format("the program will not be tracked: {}", *reason));
    }
    return start(options);
}

}  // namespace
}  // namespace trackshm::tools

int main(int argc, char** argv) {
    return trackshm::tools::run_program(trackshm::tools::program_name, trackshm::tools::run, argc, argv);
}
