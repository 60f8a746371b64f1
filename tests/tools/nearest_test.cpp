// SPDX-License-Identifier: Apache-2.0
#include "common/nearest.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace trackshm::tools {
namespace {

TEST_CASE("the nearest name is the one with the fewest letters to change") {
    const std::vector<std::string_view> names{"live_bytes", "live_buffers", "peak_bytes"};
    CHECK(nearest("live_byte", names) == "live_bytes");
    CHECK(nearest("LIVE_BYTES", names) == "live_bytes");
    CHECK(nearest("livebuffers", names) == "live_buffers");
    CHECK(nearest("peek_bytes", names) == "peak_bytes");
    CHECK(nearest("ive_bytes", names) == "live_bytes");
}

TEST_CASE("what is like nothing known has no nearest name") {
    const std::vector<std::string_view> names{"live_bytes", "pid"};
    CHECK(nearest("", names).empty());
    CHECK(nearest("colour", names).empty());
    CHECK(nearest(std::string(1'000'000, 'x'), names).empty());
    CHECK(nearest("pid", {}).empty());
    CHECK(did_you_mean("colour", names).empty());
    CHECK(did_you_mean("pidd", names) == "; did you mean 'pid'?");
}

}  // namespace
}  // namespace trackshm::tools
