// SPDX-License-Identifier: Apache-2.0
#include "support/namespace.hpp"

#include <unistd.h>

#include <filesystem>
#include <random>

namespace trackshm::test {

namespace fs = std::filesystem;

namespace {

const fs::path shm_directory = "/dev/shm";

std::string unique_name() {
    std::random_device random;
    return "t" + std::to_string(getpid()) + "-" + std::to_string(random());
}

}  // namespace

Namespace::Namespace() : name_(unique_name()) {}

Namespace::~Namespace() {
    std::error_code ignored;
    for (const std::string& segment : segments()) fs::remove(shm_directory / segment, ignored);
}

std::vector<std::string> Namespace::segments(const std::string& kind) const {
    const std::string prefix = "trackshm." + name_ + "." + (kind.empty() ? "" : kind + ".");
    std::vector<std::string> result;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(shm_directory, ignored)) {
        const std::string file = entry.path().filename();
        if (file.starts_with(prefix)) result.push_back(file);
    }
    return result;
}

Environment Namespace::tracked(const Environment& more) const {
    Environment result{{"TRACKSHM", "1"}, {"TRACKSHM_NAMESPACE", name_}};
    for (const auto& [name, value] : more) result[name] = value;
    return result;
}

}  // namespace trackshm::test
