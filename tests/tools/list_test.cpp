// SPDX-License-Identifier: Apache-2.0
#include "common/list.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace trackshm::tools {
namespace {

bool is_list(const char* text, std::uint64_t maximum = 65535) {
    NumberList list;
    std::string problem;
    const bool accepted = list.add(text, maximum, problem);
    CHECK(accepted == problem.empty());
    return accepted;
}

TEST_CASE("a list holds its numbers and ranges and nothing else") {
    NumberList list;
    std::string problem;
    REQUIRE(list.add("2,4-5", 65535, problem));
    for (const std::uint64_t number : {2, 4, 5}) CHECK(list.contains(number));
    for (const std::uint64_t number : {0, 1, 3, 6, 24, 45}) CHECK_FALSE(list.contains(number));
}

TEST_CASE("a repeated list option adds up") {
    NumberList list;
    std::string problem;
    REQUIRE(list.add("1", 65535, problem));
    REQUIRE(list.add("7-8", 65535, problem));
    CHECK(list.contains(1));
    CHECK(list.contains(8));
}

TEST_CASE("an empty list lets everything pass") {
    const NumberList list;
    CHECK(list.passes(0));
    CHECK(list.passes(~std::uint64_t{0}));
}

TEST_CASE("what is no list of numbers is refused with a phrase") {
    for (const char* text : {"", ",", "1,", "a", "1-", "-1", "5-4", "1--2", "1-2-3", "0x10", "99999999999999999999"}) {
        CAPTURE(text);
        CHECK_FALSE(is_list(text));
    }
    CHECK(is_list("0-65535"));
    CHECK_FALSE(is_list("65536"));
    CHECK(is_list(" 1 , 2 "));
}

}  // namespace
}  // namespace trackshm::tools
