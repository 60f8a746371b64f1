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

// Where a run puts its texts, one after another. The contents of an ordinary file are replaced at once: whoever reads it
// sees the old or the new ones, and nothing is left of an attempt that fails. Of a symbolic link it is the file it leads
// to. Devices, pipes and descriptors (/dev/fd/3) are written to instead and stay open, so that a reader sees one end.
class Output {
public:
    explicit Output(std::string path);  // empty or "-": stdout
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    // Whether a text takes the place of the one before it; else it follows.
    bool is_replaced() const noexcept { return is_replaced_; }

    OutputResult write(std::string_view text);

private:
    std::string path_;
    bool is_replaced_;
    int fd_ = -1;
};

// The only text of a run.
OutputResult write_file(const std::string& path, std::string_view text);

}  // namespace trackshm::tools
