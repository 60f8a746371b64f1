// SPDX-License-Identifier: Apache-2.0
//
// Waits for a condition instead of for a time.
#pragma once

#include <chrono>
#include <thread>

namespace trackshm::test {

// True as soon as condition() is; false when it was not within `deadline`.
template <class Condition>
bool eventually(Condition&& condition, std::chrono::milliseconds deadline = std::chrono::milliseconds(20000)) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return condition();
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
}

}  // namespace trackshm::test
