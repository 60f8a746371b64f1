// SPDX-License-Identifier: Apache-2.0
//
// Where views are written to: stdout, or a file that readers never see half-written.
#pragma once

#include <string>
#include <string_view>

namespace trackshm::tools {

enum class OutputResult {
    ok,
    reader_gone,  // the other end of the pipe was closed: not an error, but there is nobody to go on for
    failed,       // errno says why
};

// Lets a closed pipe show up as a result instead of a signal. Call once, at the start of main.
void ignore_broken_pipes();

OutputResult write_stdout(std::string_view text);

// Writes a temporary file beside `path` and renames it into place.
OutputResult replace_file(const std::string& path, std::string_view text);

}  // namespace trackshm::tools
