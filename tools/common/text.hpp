// SPDX-License-Identifier: Apache-2.0
//
// Text that comes from tracked processes (command and device names) may hold anything. These make it fit for a
// terminal or a document.
#pragma once

#include <string>
#include <string_view>

namespace trackshm::tools {

// Valid UTF-8 without control characters: every byte that is part of none, and every one of these, becomes U+FFFD. An
// escape sequence in a name must not reach a terminal, be it in a frame or in a document that somebody looks at there.
std::string printable(std::string_view text);
// The same for a JSON string, whose writer escapes U+0000 to U+001F: these are kept, a name is told as it is.
std::string printable_in_json(std::string_view text);

// Without blanks at its ends.
std::string_view trimmed(std::string_view text) noexcept;

}  // namespace trackshm::tools
