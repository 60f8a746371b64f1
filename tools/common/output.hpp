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

// Lets a closed pipe and a file beyond its limit show up as a result instead of a signal. Call once, at the start of
// main.
void ignore_write_signals();

OutputResult write_stdout(std::string_view text);

// Whether `path` names what stdout is: "-", "/dev/stdout", or the file it was redirected to.
bool is_stdout(const std::string& path);

// Replaces the contents of a file at once: whoever reads it sees the old or the new ones, and nothing is left of an
// attempt that fails. Of a symbolic link it is the file it leads to. Devices and pipes are written to instead.
OutputResult write_file(const std::string& path, std::string_view text);

}  // namespace trackshm::tools
