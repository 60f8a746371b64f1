// SPDX-License-Identifier: Apache-2.0
//
// A copy of all segments of a namespace, to be put back any number of times: a world in which every trial can die anew.
// Only segments whose processes are dead mean the same after that; locks are not part of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/namespace.hpp"

namespace trackshm::test {

class Image {
public:
    explicit Image(const Namespace& name_space);

    // Removes what is there now and puts the copies in its place.
    void restore(const Namespace& name_space) const;

private:
    struct Extent {
        std::uint64_t offset;
        std::vector<char> bytes;
    };
    struct File {
        std::string name;
        std::uint64_t bytes;
        std::vector<Extent> extents;  // what is not zero
    };
    std::vector<File> files_;
};

}  // namespace trackshm::test
