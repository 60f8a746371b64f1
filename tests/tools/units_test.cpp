// SPDX-License-Identifier: Apache-2.0
#include "common/units.hpp"

#include <catch2/catch.hpp>

namespace trackshm::tools {
namespace {

TEST_CASE("sizes are shown in the largest unit that is at least one") {
    CHECK(format_bytes(0) == "0 B");
    CHECK(format_bytes(1023) == "1023 B");
    CHECK(format_bytes(1024) == "1.0 KiB");
    CHECK(format_bytes(104857600) == "100.0 MiB");
    CHECK(format_bytes(std::uint64_t{12} << 30) == "12.0 GiB");
    CHECK(format_bytes(~std::uint64_t{0}) == "16.0 EiB");
}

TEST_CASE("a size never takes more than nine characters") {
    for (std::uint64_t bytes = 1; bytes != 0; bytes <<= 1) {
        for (const std::uint64_t near : {bytes - 1, bytes, bytes + bytes / 3}) {
            CAPTURE(near);
            CHECK(format_bytes(near).size() <= 9);
        }
    }
    CHECK(format_bytes(1048575) == "1.0 MiB");
    CHECK(format_bytes(1023 * 1024) == "1023 KiB");
}

TEST_CASE("sizes of one unit can be compared at a glance") {
    CHECK(format_bytes(1'048'576, ByteUnit::automatic) == "1.0 MiB");
    CHECK(format_bytes(1'048'576, ByteUnit::bytes) == "1048576");
    CHECK(format_bytes(1'048'576, ByteUnit::kib) == "1024.0 K");
    CHECK(format_bytes(1'048'576, ByteUnit::mib) == "1.0 M");
    CHECK(format_bytes(std::uint64_t{3} << 29, ByteUnit::gib) == "1.5 G");
    for (const ByteUnit unit : {ByteUnit::automatic, ByteUnit::bytes, ByteUnit::kib, ByteUnit::mib, ByteUnit::gib}) {
        CHECK(format_bytes(std::uint64_t{4} << 40, unit).size() <= bytes_width(unit));
    }
    CHECK(format_bytes((std::uint64_t{1} << 48) - 1, ByteUnit::bytes).size() <= bytes_width(ByteUnit::bytes));
}

TEST_CASE("a rate never takes more than five characters") {
    CHECK(format_rate(0) == "0");
    CHECK(format_rate(0.04) == "0");
    CHECK(format_rate(0.5) == "0.5");
    CHECK(format_rate(12.4) == "12");
    CHECK(format_rate(1234) == "1.2k");
    CHECK(format_rate(34'000'000) == "34M");
    for (double rate = 0.01; rate < 1e14; rate *= 1.37) {
        CAPTURE(rate);
        CHECK(format_rate(rate).size() <= 5);
    }
}

TEST_CASE("counts agree with their noun") {
    CHECK(format_count(0, "buffer") == "0 buffers");
    CHECK(format_count(1, "buffer") == "1 buffer");
    CHECK(format_count(24, "buffer") == "24 buffers");
}

TEST_CASE("durations are shown in the largest unit that is at least one") {
    constexpr std::uint64_t second_ns = 1'000'000'000;
    CHECK(format_duration(0) == "0 ms");
    CHECK(format_duration(second_ns - 1) == "999 ms");
    CHECK(format_duration(59 * second_ns) == "59 s");
    CHECK(format_duration(60 * second_ns) == "1 min");
    CHECK(format_duration(7200 * second_ns) == "2 h");
    CHECK(format_duration(86400 * second_ns) == "1 d");
}

}  // namespace
}  // namespace trackshm::tools
