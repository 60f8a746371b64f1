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
    CHECK(holds("leaked_bytes_total == 14 && leaked_buffers_total == 2 && exited_total == 2"));
    CHECK(holds("pending == 0 && dropped == 0 && unknown_frees == 0 && ambiguous_frees == 0 && implicit_frees == 0"));
    CHECK(holds("reported == 5 && applied == 5 && coalesced == 0 && rejected == 0 && quarantined_processes == 0"));
    CHECK(holds("exact == 1 && exact == true"));
    CHECK(holds("processes == 2"));
    CHECK(holds("device[0].live_bytes == 310M && device[0].live_buffers == 4"));
    CHECK(holds("device[0].peak_bytes == 310M"));
    CHECK(holds("device[0].peak_15s_bytes == 310M && device[*].peak_60s_bytes <= 310M"));
    CHECK(holds("device[0].used_ratio == 0.3"));
    CHECK(holds("device[0].l1.live_bytes == 10M && device[0].dram.peak_bytes == 300M"));
    CHECK(holds("dram.live_bytes == 400M && DRAM.live_buffers == 4 && dram.capacity_bytes == 1000M"));
    CHECK(holds("dram.used_ratio == 30%"));
    CHECK(holds("used_ratio == 0.3"));
    CHECK(holds("process[10].live_bytes == 100M && process[20].live_buffers == 4 && process[20].exact == 1"));
}

TEST_CASE("a ratio is that of the fullest memory: room elsewhere does not hide it") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[1].types[0].capacity_bytes = snapshot.devices[1].types[0].live_bytes;
    std::string problem;
    const auto check = Check::parse("dram.used_ratio < 0.9", problem);
    REQUIRE(check);
    const auto failure = check->failure(snapshot);
    REQUIRE(failure);
    CHECK(failure->find("is 1") != std::string::npos);
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

TEST_CASE("numbers may have an exponent, and a space before their suffix") {
    CHECK(holds("1e3 == 1000 && 1.5e2 == 150 && 1e == 1eib"));
    CHECK(holds("live_bytes == 410 MiB && live_bytes < 1e12 && 30 % == dram.used_ratio"));
    CHECK(is_refused("live_bytes < 1 2"));
    CHECK(is_refused("live_bytes < 1 live_bytes"));
}

TEST_CASE("a figure that is true or false stands alone") {
    CHECK(holds("exact"));
    CHECK_FALSE(holds("exact && process[10].starved"));
    CHECK(holds("exact && process[*].exact && !process[10].quarantined && (1 == 2 || device[0].peak_exact)"));
    CHECK(failure_of("!exact") == "exact == false (exact is true)");
    CHECK(is_refused("live_bytes"));
    CHECK(is_refused("!live_bytes"));
    CHECK(is_refused("!exact == true"));
    CHECK(is_refused("true"));
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

TEST_CASE("a check of each holds if it does for every device or process") {
    CHECK(holds("device[*].live_bytes <= 310M && process[*].live_buffers > 0 && device[*].peak_exact"
                " == true"));
    CHECK(holds("device[*].l1.live_bytes <= 10M && process[*].dram.live_bytes >= 100M"));
    CHECK(failure_of("process[*].live_bytes < 200M") ==
          "process[*].live_bytes < 200M (process[20].live_bytes is 325058560)");
    CHECK(failure_of("0 == device[*].dram.live_bytes") ==
          "0 == device[*].dram.live_bytes (device[0].DRAM.live_bytes is 314572800)");
    CHECK(failure_of("device[*].used_ratio < 1")->find("device[3].used_ratio is unknown") != std::string::npos);

    std::string problem;
    CHECK_FALSE(Check::parse("device[*].live_bytes == 1", problem)->failure(stats::Snapshot{}));
}

TEST_CASE("a memory of each device is that of those that have one") {
    CHECK(holds("device[*].l1.live_bytes == 10M"));         // device 0 alone has it
    CHECK(holds("device[1].l1.live_bytes == 0"));           // what is not there holds nothing
    CHECK(holds("device[*].trace.used_ratio < 0.1"));
    CHECK_FALSE(holds("device[0].trace.used_ratio < 0.1"));  // unknown
}

TEST_CASE("a check names everything, a type, a device, a process, and what the process holds where") {
    CHECK(holds("used_ratio == 0.3 && capacity_bytes == 1000M && devices == 3"));
    CHECK(holds("allocations_total == 5 && l1.allocations_total == 1 && device[0].allocated_bytes_total == 310M"));
    CHECK(holds("allocation_failures_total == 0 && deallocations_total == 0 && gauge_bytes == 0"));
    CHECK(holds("process[20].device[0].live_bytes == 310M && process[20].device[0].l1.live_buffers == 1"));
    CHECK(holds("process[20].device[3].live_bytes == 0 && process[20].l1.live_bytes == 10M"));
    CHECK(holds("process[20].device[0].dram.peak_bytes == 300M && process[10].quarantined == false"));
    CHECK(holds("process[10].reported == 0 && process[10].starved == 0 && process[10].unknown_frees == 0"));
}

TEST_CASE("a mistyped figure is refused with the nearest there is") {
    const auto problem_of = [](const char* expression) {
        std::string problem;
        CHECK_FALSE(Check::parse(expression, problem));
        return problem;
    };
    CHECK(problem_of("leaked_byte == 0") == "there is no figure 'leaked_byte'; did you mean 'leaked_bytes'?");
    CHECK(problem_of("device[3].peek_bytes == 0").find("'peak_bytes'") != std::string::npos);
    CHECK(problem_of("process[3].quarantine == 0").find("'quarantined'") != std::string::npos);
    CHECK(problem_of("device[*].live_bytes == device[*].peak_bytes").find("one side") != std::string::npos);
    CHECK(problem_of("peak_bytes < 1") == "there is no figure 'peak_bytes'; it is a device's: device[*].peak_bytes");
    CHECK(problem_of("dram.peak_bytes < 1").find("device[*].DRAM.peak_bytes") != std::string::npos);
    CHECK(problem_of("device.live_bytes < 1").find("device[*].FIELD for each") != std::string::npos);
    CHECK(problem_of("process.live_bytes < 1").find("process[N].FIELD") != std::string::npos);
    CHECK(problem_of("type.live_bytes < 1").find("dram.FIELD") != std::string::npos);
    CHECK(problem_of("device[0].dram.peak_15s_bytes < 1").find("of a whole device") != std::string::npos);
    CHECK(problem_of("starved == 0").find("it is a process's: process[*].starved") != std::string::npos);
    CHECK(problem_of("device[99999].live_bytes == 0").find("a number up to 65535, or *") != std::string::npos);
    CHECK(problem_of("process[me].live_bytes == 0").find("a pid, or *") != std::string::npos);
    CHECK(problem_of("live_bytes < 1 or exact").find("expected && or ||") != std::string::npos);
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
          "process[1].dram.peak_bytes == 0", "process[1].device[*].live_bytes == 0", "device[*] == 0", "*.live_bytes == 0",
          "dram.leaked_bytes == 0", "peak_15s_bytes == 0", "device[0].dram.peak_15s_bytes == 0", "process[1].dram.pending == 0", "peak_bytes == 0",
          "1Q == 1", "1..2 == 1", "live_bytes == 1 live_bytes == 1", "live_bytes == -1"}) {
        CAPTURE(expression);
        CHECK(is_refused(expression));
    }
    CHECK(is_refused(std::string(100'000, '(')));
}

}  // namespace
}  // namespace trackshm::tools
