// SPDX-License-Identifier: Apache-2.0
//
// Tests tagged [long] have two forms: the everyday one, which takes seconds, and the long one, which scripts/long-tests
// asks for with TRACKSHM_TEST_LONG=1.
#pragma once

#include <cstdlib>
#include <string_view>

namespace trackshm::test {

inline bool is_long_form() {
    const char* const value = std::getenv("TRACKSHM_TEST_LONG");
    return value != nullptr && std::string_view(value) == "1";
}

template <class T>
T by_form(T everyday, T in_long_form) {
    return is_long_form() ? in_long_form : everyday;
}

}  // namespace trackshm::test
