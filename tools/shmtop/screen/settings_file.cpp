// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/settings_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

#include "common/output.hpp"

namespace trackshm::tools {
namespace {

constexpr std::size_t max_file_bytes = 64 * 1024;  // ours has less than one KiB

// What a variable names, if that is an absolute path: others are to be ignored, says the XDG specification.
std::optional<std::string> directory_in(const char* variable) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value != '/') return std::nullopt;
    return value;
}

// Nothing, with errno set, if it cannot be read. A pipe or a device is no settings file, and must not make us wait.
std::optional<std::string> read_file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return std::nullopt;
    std::string text;
    std::array<char, 4096> block{};
    ssize_t length = 0;
    struct stat info {};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        errno = EINVAL;
        return std::nullopt;
    }
    while (text.size() <= max_file_bytes && (length = read(fd, block.data(), block.size())) > 0) {
        text.append(block.data(), static_cast<std::size_t>(length));
    }
    const int error = errno;
    close(fd);
    errno = length < 0 ? error : EFBIG;
    if (length < 0 || text.size() > max_file_bytes) return std::nullopt;
    return text;
}

}  // namespace

std::string settings_path() {
    if (const auto directory = directory_in("XDG_CONFIG_HOME")) return *directory + "/trackshm/shmtoprc";
    if (const auto home = directory_in("HOME")) return *home + "/.config/trackshm/shmtoprc";
    return {};
}

Settings load_settings(const std::string& path, std::string& problem) {
    if (path.empty()) return {};
    const auto text = read_file(path);
    if (!text) {
        if (errno != ENOENT && errno != ENOTDIR) problem = fmt::format("{} is not used: {}", path, std::strerror(errno));
        return {};
    }
    std::string wrong;
    if (const auto settings = parse_settings(*text, wrong)) return *settings;
    problem = fmt::format("{} is not used: {}", path, wrong);
    return {};
}

bool save_settings(const std::string& path, const Settings& settings, std::string& problem) {
    if (path.empty()) {
        problem = "nothing saved: neither XDG_CONFIG_HOME nor HOME names a directory";
        return false;
    }
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    if (!error && write_file(path, settings_text(settings)) == OutputResult::ok) return true;
    problem = fmt::format("cannot save {}: {}", path, error ? error.message() : std::strerror(errno));
    return false;
}

}  // namespace trackshm::tools
