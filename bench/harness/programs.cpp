// SPDX-License-Identifier: Apache-2.0
#include "harness/programs.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace trackshm::bench {
namespace {

std::string read_all(int fd) {
    std::string text;
    char buffer[4096];
    for (ssize_t length; (length = pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0;) {
        text.append(buffer, static_cast<std::size_t>(length));
    }
    return text;
}

}  // namespace

std::optional<std::string> find_program(const std::string& name) {
    const char* const path = std::getenv("PATH");
    std::istringstream directories(std::string("/usr/bin:") + (path == nullptr ? "" : path));
    for (std::string directory; std::getline(directories, directory, ':');) {
        const std::string candidate = directory + "/" + name;
        if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return std::nullopt;
}

ProgramRun run_program(const std::string& program, const std::vector<std::string>& arguments,
                       const Environment& environment, std::chrono::milliseconds timeout) {
    const int output_fd = memfd_create("program-output", MFD_CLOEXEC);
    if (output_fd < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
    ProgramRun result;
    try {
        Process::Setup setup;
        setup.program = program;
        setup.arguments = arguments;
        setup.environment = environment;
        setup.output_fd = output_fd;
        setup.error_fd = output_fd;
        const std::uint64_t start_ns = now_ns();
        Process process(setup);
        const std::optional<int> status = process.wait(timeout);
        result.wall_ms = static_cast<double>(now_ns() - start_ns) / 1e6;
        if (!status) throw std::runtime_error(program + " does not end");
        result.exit_status = *status;
        result.output = read_all(output_fd);
    } catch (...) {
        close(output_fd);
        throw;
    }
    close(output_fd);
    return result;
}

std::filesystem::path make_temporary_directory(const std::string& purpose) {
    std::string path = std::filesystem::temp_directory_path() / ("trackshm-bench-" + purpose + "-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) throw std::system_error(errno, std::generic_category(), path);
    return path;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace trackshm::bench
