// SPDX-License-Identifier: Apache-2.0
#include "common/command_line.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <sstream>
#include <string>

#include "common/exit_code.hpp"
#include "common/truncation_guard.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::tools {

std::string version_text(std::string_view program) {
    return fmt::format("{} {} (layout version {})", program, TRACKSHM_VERSION, shm::layout_version);
}

CLI::Validator number_between(double least, double most) {
    const auto complaint_about = [least, most](const std::string& text) -> std::string {
        char* end = nullptr;
        const double number = std::strtod(text.c_str(), &end);
        const bool is_number = !text.empty() && *end == '\0';
        if (is_number && number >= least && number <= most) return {};
        return fmt::format("{} is not a number between {} and {}", text, least, most);
    };
    return {complaint_about, fmt::format("[{} - {}]", least, most)};
}

void add_common_flags(CLI::App& app, const std::string& program) {
    app.name(program);
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.set_version_flag("-V,--version", version_text(program), "Print the version and exit");
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
        return std::nullopt;
    } catch (const CLI::Success& asked) {
        std::ostringstream answer;
        app.exit(asked, answer);
        return exit_code_of(app.get_name(), write_stdout(answer.str()));
    } catch (const CLI::ParseError& error) {
        return usage_error(app.get_name(), error.what());
    }
}

void print_error(std::string_view program, std::string_view message) {
    std::string line{message};
    std::replace(line.begin(), line.end(), '\n', ' ');
    while (!line.empty() && line.back() == ' ') line.pop_back();
    // fmt::print would throw where stderr is full or closed, and hide the exit code that tells as much.
    std::fputs(fmt::format("{}: {}\n", program, line).c_str(), stderr);
}

int exit_code_of(std::string_view program, OutputResult result, std::string_view file) {
    if (result != OutputResult::failed) return exit_ok;
    const int error = errno;
    print_error(program, fmt::format("cannot write to {}: {}", file.empty() ? "stdout" : file, std::strerror(error)));
    return error == EACCES || error == EPERM ? exit_permission_denied : exit_failure;
}

namespace {

// Where one of the three is closed, the next file that is opened would take its number, and be written into. What stands in
// for it fails as the closed one does: it can only be used the other way.
void occupy_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(fd, F_GETFD) == -1) static_cast<void>(open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
}

}  // namespace

int run_program(std::string_view program, int (*run)(int argc, char** argv), int argc, char** argv) {
    try {
        occupy_standard_descriptors();
        guard_against_truncation(program);
        return run(argc, argv);
    } catch (const std::exception& error) {
        print_error(program, error.what());
        return exit_failure;
    }
}

int usage_error(std::string_view program, std::string_view message) {
    print_error(program, fmt::format("{} (see {} --help)", message, program));
    return exit_usage;
}

}  // namespace trackshm::tools
