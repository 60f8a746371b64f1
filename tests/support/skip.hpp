// SPDX-License-Identifier: Apache-2.0
//
// A test that cannot run here says so and is reported as skipped, not as passed: CTest looks for the mark in its output
// (tests/CMakeLists.txt).
#pragma once

#include <catch2/catch.hpp>

#define SKIP_TEST(reason)              \
    do {                               \
        WARN("SKIPPED: " << (reason)); \
        return;                        \
    } while (false)
