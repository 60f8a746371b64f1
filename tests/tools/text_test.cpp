// SPDX-License-Identifier: Apache-2.0
#include "common/text.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace trackshm::tools {
namespace {

const std::string replaced = "\xEF\xBF\xBD";

TEST_CASE("well-formed UTF-8 stays as it is") {
    for (const char* text : {"", "plain", "gr\xC3\xBC\xC3\x9F", "\xE2\x82\xAC", "\xF0\x9F\x90\xA7"}) {
        CHECK(printable(text) == text);
    }
}

TEST_CASE("every byte of malformed UTF-8 is replaced") {
    CHECK(printable("a\xFF") == "a" + replaced);
    CHECK(printable("\xC3") == replaced);                                        // cut short
    CHECK(printable("\xC0\xAF") == replaced + replaced);                         // overlong
    CHECK(printable("\xED\xA0\x80") == replaced + replaced + replaced);          // a surrogate
    CHECK(printable("\xF4\x90\x80\x80") == replaced + replaced + replaced + replaced);  // past U+10FFFF
}

TEST_CASE("an escape sequence in a name does not reach the terminal") {
    CHECK(printable("\x1B[2J") == replaced + "[2J");
    CHECK(printable("a\nb") == "a" + replaced + "b");
    CHECK(printable("\xC2\x9B") == replaced);  // CSI as one code point
    CHECK(printable("\x7F\xC2\x80\xC2\xA0") == replaced + replaced + "\xC2\xA0");
}

}  // namespace
}  // namespace trackshm::tools
