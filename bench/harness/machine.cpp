// SPDX-License-Identifier: Apache-2.0
#include "harness/machine.hpp"

#include <sched.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <ctime>
#include <fstream>

#include <fmt/format.h>

#include "commit.hpp"
#include "harness/statistics.hpp"

namespace trackshm::bench {
namespace {

std::string cpu_model() {
    std::ifstream cpuinfo("/proc/cpuinfo");
    for (std::string line; std::getline(cpuinfo, line);) {
        const auto colon = line.find(": ");
        if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "unknown";
}

std::string kernel() {
    utsname names{};
    if (uname(&names) != 0) return "unknown";
    return fmt::format("{} {} {}", names.sysname, names.release, names.machine);
}

std::string utc_date() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[32];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text, length};
}

double clock_cost_ns() {
    constexpr int looks = 100'000;
    const std::uint64_t start = now_ns();
    for (int look = 1; look < looks; ++look) now_ns();
    return static_cast<double>(now_ns() - start) / looks;
}

// The cores that were allowed at the start: pinning narrows what sched_getaffinity says later.
const cpu_set_t& initial_cores() noexcept {
    static const cpu_set_t cores = [] {
        cpu_set_t set;
        CPU_ZERO(&set);
        sched_getaffinity(0, sizeof set, &set);
        return set;
    }();
    return cores;
}

}  // namespace

nlohmann::ordered_json describe_machine() {
    return {
        {"cpu", cpu_model()},          {"cores", allowed_cores()}, {"kernel", kernel()},
        {"compiler", BENCH_COMPILER},  {"build", BENCH_BUILD},     {"commit", BENCH_COMMIT},
        {"date", utc_date()},          {"clock_cost_ns", clock_cost_ns()},
    };
}

std::string banner(const nlohmann::ordered_json& machine) {
    const auto text = [&](const char* key) { return machine.at(key).get<std::string>(); };
    return fmt::format("{}, {} cores, {}\n{}, {}, commit {}, {}, one look at the clock {:.1f} ns\n", text("cpu"),
                       machine.at("cores").get<unsigned>(), text("kernel"), text("compiler"), text("build"),
                       text("commit"), text("date"), machine.at("clock_cost_ns").get<double>());
}

void pin_to(Core core) noexcept { pin_to_core(static_cast<unsigned>(core)); }

void pin_to_core(unsigned index) noexcept {
    if (allowed_cores() < 2) return;
    unsigned remaining = index % allowed_cores();
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &initial_cores()) || remaining-- != 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

unsigned allowed_cores() noexcept { return static_cast<unsigned>(CPU_COUNT(&initial_cores())); }

std::uint64_t free_shm_bytes() noexcept {
    struct statvfs info {};
    return statvfs("/dev/shm", &info) == 0 ? std::uint64_t{info.f_bavail} * info.f_frsize : 0;
}

}  // namespace trackshm::bench
