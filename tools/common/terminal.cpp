// SPDX-License-Identifier: Apache-2.0
#include "common/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace trackshm::tools {

bool is_interactive_terminal() {
    const char* terminal = std::getenv("TERM");
    // In the background the first thing that is done to the terminal would stop the program.
    const bool is_in_front = tcgetpgrp(STDIN_FILENO) == getpgrp();
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && is_in_front && terminal != nullptr && *terminal != '\0' &&
           std::string_view(terminal) != "dumb";
}

std::size_t output_columns(std::size_t default_columns) {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char* columns = std::getenv("COLUMNS");
    const unsigned long number = columns == nullptr ? 0 : std::strtoul(columns, nullptr, 10);
    return number > 0 && number <= 10'000 ? number : default_columns;
}

}  // namespace trackshm::tools
