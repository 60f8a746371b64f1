// SPDX-License-Identifier: Apache-2.0
#include "support/script.hpp"

#include <fstream>
#include <stdexcept>

namespace trackshm::test {

Script::Script(const Namespace& name_space, const Environment& more)
    : child_({SCRIPT_PROGRAM_PATH}, {name_space.tracked(more)}) {
    answer();
    std::ifstream("/proc/" + std::to_string(pid()) + "/comm") >> comm_;
}

std::string Script::operator()(const std::string& command) {
    child_.write_line(command);
    return answer();
}

std::string Script::answer() {
    const std::string line = child_.read_line();
    if (!line.starts_with("ok")) throw std::runtime_error("script_program: " + line);
    return line.size() > 3 ? line.substr(3) : "";
}

void Script::sync() {
    const std::string result = (*this)("sync 20000");
    if (result != "0") throw std::runtime_error("trackshm_sync returned " + result);
}

ExitStatus Script::finish() {
    child_.close_input();
    return child_.wait();
}

}  // namespace trackshm::test
