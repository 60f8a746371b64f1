// SPDX-License-Identifier: Apache-2.0
//
// What the aggregator says on stderr: a line each, and no harm where there is nobody to say it to.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace trackshm::aggregator {

// Prints "shm_aggregator: MESSAGE". Not fmt::print, which throws where stderr is closed or full: nothing that is said here
// is worth dying for.
inline void say(const std::string& message) {
    const std::string line = "shm_aggregator: " + message + "\n";
    static_cast<void>(std::fputs(line.c_str(), stderr));
}

template <class... Arguments>
void say(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    say(fmt::format(text, std::forward<Arguments>(arguments)...));
}

}  // namespace trackshm::aggregator
