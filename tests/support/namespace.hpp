// SPDX-License-Identifier: Apache-2.0
//
// A namespace of one test: no other run on this machine has the same, and nothing of it stays behind.
#pragma once

#include <string>
#include <vector>

#include "support/child.hpp"

namespace trackshm::test {

class Namespace {
public:
    Namespace();
    ~Namespace();
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;

    const std::string& name() const { return name_; }

    // The segments there are now, as file names; with `kind` only those: "p", "l", "ledger", "stats", "tmp".
    std::vector<std::string> segments(const std::string& kind = "") const;

    // What switches tracking on in a child.
    Environment tracked(const Environment& more = {}) const;

private:
    std::string name_;
};

}  // namespace trackshm::test
