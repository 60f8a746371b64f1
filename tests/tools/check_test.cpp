// SPDX-License-Identifier: Apache-2.0
#include "shmtop/check.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

std::optional<std::string> failure_of(const std::string& expression) {
    std::string problem;
    const auto check = Check::parse(expression, problem);
    INFO(expression << ": " << problem);
    REQUIRE(check);
    return check->failure(sample_snapshot());
}

bool holds(const std::string& expression) { return !failure_of(expression); }

bool is_refused(const std::string& expression) {
    std::string problem;
    const bool refused = !Check::parse(expression, problem);
    CHECK(refused != problem.empty());
    return refused;
}

TEST_CASE("a check compares every figure it documents") {
    CHECK(holds("live_bytes == 410MiB"));
    CHECK(holds("live_buffers == 5"));
    CHECK(holds("leaked_bytes == 7 && leaked_buffers == 1"));
    CHECK(holds("pending == 0 && dropped == 0 && unknown_frees == 0 && ambiguous_frees == 0 && implicit_frees == 0"));
    CHECK(holds("reported == 5 && applied == 5 && coalesced == 0 && rejected == 0 && quarantined_processes == 0"));
    CHECK(holds("exact == 1 && exact == true"));
    CHECK(holds("processes == 2"));
    CHECK(holds("device[0].live_bytes == 310M && device[0].live_buffers == 4"));
    CHECK(holds("device[0].peak_bytes == 310M"));
    CHECK(holds("device[0].used_ratio == 0.3"));
    CHECK(holds("device[0].l1.live_bytes == 10M && device[0].dram.peak_bytes == 300M"));
    CHECK(holds("dram.live_bytes == 400M && DRAM.live_buffers == 4 && dram.capacity_bytes == 1000M"));
    CHECK(holds("dram.used_ratio == 30%"));
    CHECK(holds("process[10].live_bytes == 100M && process[20].live_buffers == 4 && process[20].exact == 1"));
}

TEST_CASE("every comparator means what it says") {
    CHECK(holds("1 < 2"));
    CHECK(holds("2 <= 2"));
    CHECK(holds("2 > 1"));
    CHECK(holds("2 >= 2"));
    CHECK(holds("2 == 2"));
    CHECK(holds("1 != 2"));
    CHECK_FALSE(holds("2 < 2"));
    CHECK_FALSE(holds("1 >= 2"));
    CHECK_FALSE(holds("2 != 2"));
}

TEST_CASE("suffixes are powers of 1024, with a plain B powers of 1000") {
    CHECK(holds("1K == 1024 && 1KiB == 1024 && 1kib == 1024 && 1KB == 1000"));
    CHECK(holds("1.5G == 1610612736 && 1T == 1099511627776 && 2MB == 2000000"));
    CHECK(holds("18446744073709551615 > 18446744073709551614"));
}

TEST_CASE("&& binds tighter than ||, and parentheses tighter than both") {
    CHECK(holds("1 == 1 || 1 == 2 && 1 == 2"));
    CHECK_FALSE(holds("(1 == 1 || 1 == 2) && 1 == 2"));
    CHECK(holds("((1==1))&&(2==2||3==4)"));
}

TEST_CASE("what is not there holds nothing") {
    CHECK(holds("device[77].live_bytes == 0 && device[77].dram.live_buffers == 0"));
    CHECK(holds("process[77].live_bytes == 0"));
    CHECK(holds("trace.live_bytes == 0"));
}

TEST_CASE("a ratio without a capacity fails and says so") {
    const auto failure = failure_of("device[3].used_ratio < 1");
    REQUIRE(failure);
    CHECK(failure->find("unknown") != std::string::npos);
    CHECK(holds("device[3].used_ratio < 1 || 1 == 1"));
}

TEST_CASE("a failure names the comparison and the value that broke it") {
    CHECK(failure_of("exact == 1 && live_bytes < 1G && live_bytes <= 1M") ==
          "live_bytes <= 1M (live_bytes is 429916160)");
    CHECK(failure_of("live_buffers == 0 || processes == 0") ==
          "live_buffers == 0 (live_buffers is 5), and processes == 0 (processes is 2)");
}

TEST_CASE("what is no expression or names nothing known is refused with a phrase") {
    for (const char* expression :
         {"", "live_bytes", "live_bytes <", "< 1", "live_bytes = 1", "live_bytes == 1 &&", "(live_bytes == 1",
          "live_bytes == 1)", "nonsense == 1", "device[x].live_bytes == 0", "device[65536].live_bytes == 0",
          "device[1]live_bytes == 0", "device[1].nothing == 0", "dram.peak_bytes == 0", "process[1].used_ratio == 0",
          "1Q == 1", "1..2 == 1", "live_bytes == 1 live_bytes == 1", "live_bytes == -1"}) {
        CAPTURE(expression);
        CHECK(is_refused(expression));
    }
    CHECK(is_refused(std::string(100'000, '(')));
}

}  // namespace
}  // namespace trackshm::tools
