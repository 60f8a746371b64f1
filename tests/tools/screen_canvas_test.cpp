// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/canvas.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "shmtop/bar.hpp"
#include "tools/screens.hpp"

namespace trackshm::tools {
namespace {

const std::string umlaut = "\xC3\xBC";             // one column
const std::string ideograph = "\xE4\xB8\xAD";      // two columns
const std::string replaced = "\xEF\xBF\xBD";

TEST_CASE("what must not reach the terminal does not reach the canvas") {
    const std::string direction = "\xE2\x80\xAE";  // U+202E turns all that follows around
    for (const std::string& bad : {std::string{"\x1B"}, std::string{"\n"}, std::string{"\x7F"}, std::string{"\xC2\x9B"},
                                   std::string{"\xFF"}, direction}) {
        CAPTURE(bad);
        Canvas canvas({1, 10}, Charset::unicode);
        canvas.put(0, 0, "a" + bad + "b");
        CHECK(canvas.line(0) == "a" + replaced + "b");
        Canvas plain({1, 10}, Charset::ascii);
        plain.put(0, 0, "a" + bad + "b");
        CHECK(plain.line(0) == "a?b");
    }
}

TEST_CASE("without Unicode every character is one of ASCII") {
    Canvas canvas({1, 10}, Charset::ascii);
    canvas.put(0, 0, "gr" + umlaut + ideograph);
    CHECK(canvas.line(0) == "gr??");
}

TEST_CASE("text that does not fit is cut with a mark") {
    Canvas canvas({1, 8}, Charset::unicode);
    canvas.put(0, 0, "abcdef", {}, 4);
    CHECK(canvas.line(0) == "abc~");
    canvas.put(0, 4, "123456789");
    CHECK(canvas.line(0) == "abc~123~");
}

TEST_CASE("half a wide character is never shown") {
    Canvas canvas({1, 6}, Charset::unicode);
    SECTION("at the edge") {
        canvas.put(0, 0, "abcd" + ideograph + "e");
        CHECK(canvas.line(0) == "abcd~");
    }
    SECTION("when its left half is written over") {
        canvas.put(0, 0, ideograph + "x");
        canvas.put(0, 0, "a");
        CHECK(canvas.line(0) == "a x");
    }
    SECTION("when its right half is written over") {
        canvas.put(0, 0, ideograph + "x");
        canvas.put(0, 1, "b");
        CHECK(canvas.line(0) == " bx");
    }
}

TEST_CASE("writing outside of the canvas does nothing") {
    Canvas canvas({2, 3}, Charset::ascii);
    CHECK(canvas.put(5, 0, "x") == 0);
    CHECK(canvas.put(0, 7, "x") == 7);
    canvas.put_right(1, 2, "abcdef", {}, 6);
    canvas.reverse(9, 0, 3);
    CHECK(canvas.line(0).empty());
    CHECK(canvas.line(1) == "a~");
}

TEST_CASE("a bar shows the used part and where the peak was") {
    CHECK(usage_bar(0, std::nullopt, 12, Charset::ascii) == "[----------]");
    CHECK(usage_bar(0.3, std::nullopt, 12, Charset::ascii) == "[###-------]");
    CHECK(usage_bar(0.3, 0.75, 12, Charset::ascii) == "[###----|--]");
    CHECK(usage_bar(0.3, 0.1, 12, Charset::ascii) == "[###-------]");
    CHECK(usage_bar(7.0, 9.0, 12, Charset::ascii) == "[##########]");
    CHECK(usage_bar(0.5, 1.0, 12, Charset::ascii) == "[#####----|]");
    CHECK(usage_bar(0.5, std::nullopt, 2, Charset::ascii) == "  ");
    CHECK(usage_bar(0.25, std::nullopt, 4, Charset::unicode) == "[\xE2\x96\x8C\xC2\xB7]");
}

}  // namespace
}  // namespace trackshm::tools
