// SPDX-License-Identifier: Apache-2.0
#include "common/glyphs.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace trackshm::tools {
namespace {

const std::string umlaut = "\xC3\xBC";         // one column
const std::string ideograph = "\xE4\xB8\xAD";  // two columns
const std::string acute = "\xCC\x81";          // combines with what is before it

TEST_CASE("characters take as many columns as the terminal gives them, whatever the locale") {
    CHECK(columns_of("abc") == 3);
    CHECK(columns_of("gr" + umlaut) == 3);
    CHECK(columns_of(ideograph + ideograph) == 4);
    CHECK(columns_of("e" + acute) == 1);
    CHECK(columns_of(ideograph, Charset::ascii) == 1);  // a question mark
}

TEST_CASE("a tower of combining marks is cut down") {
    std::string tower = "e";
    for (int i = 0; i < 100; ++i) tower += acute;
    const auto glyphs = glyphs_of(tower, Charset::unicode);
    REQUIRE(glyphs.size() == 1);
    CHECK(glyphs[0].text.size() < 30);
}

TEST_CASE("text is cut and padded by columns, not bytes or characters") {
    CHECK(cut("abc", 3) == "abc");
    CHECK(cut("abcd", 3) == "ab~");
    CHECK(cut("abc", 0).empty());
    CHECK(fit_left("gr" + umlaut, 5) == "gr" + umlaut + "  ");
    CHECK(fit_left("gr" + umlaut + "nes", 4) == "gr" + umlaut + "~");
    CHECK(fit_left(ideograph, 4) == ideograph + "  ");
    CHECK(fit_left(ideograph + ideograph + ideograph, 4) == ideograph + "~ ");  // half a character is none
    CHECK(fit_left("e" + acute, 2) == "e" + acute + " ");
}

TEST_CASE("of text that is cut in front the end is left") {
    CHECK(cut_front("abcdef", 6) == "abcdef");
    CHECK(cut_front("abcdef", 4) == "~def");
    CHECK(cut_front("ab\xE4\xB8\xAD\xE6\x96\x87", 4) == "~\xE6\x96\x87");  // two wide ones: half of one is never shown
    CHECK(cut_front("abc", 1) == "~");
    CHECK(cut_front("abc", 0).empty());
}

TEST_CASE("what is cut or padded may go to a terminal") { CHECK(fit_left("\x1B[2J", 5) == "\xEF\xBF\xBD[2J "); }

}  // namespace
}  // namespace trackshm::tools
