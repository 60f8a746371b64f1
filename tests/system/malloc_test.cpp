// SPDX-License-Identifier: Apache-2.0
//
// `shmrun --malloc`: programs whose allocations are known, and programs everybody has, against what shmtop shows.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <set>
#include <string>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/namespace.hpp"
#include "support/temporary_directory.hpp"

#ifdef TRACKSHM_MALLOC_PROGRAMS

using namespace trackshm::test;
using nlohmann::json;

namespace {

constexpr unsigned host_device = 65535;

std::string program(const std::string& name) { return std::string(TRACKSHM_MALLOC_PROGRAMS) + '/' + name; }

Arguments under_shmrun(const Namespace& name_space, const Arguments& arguments) {
    Arguments result{SHMRUN_PATH, "--namespace", name_space.name(), "--malloc", "--"};
    result.insert(result.end(), arguments.begin(), arguments.end());
    return result;
}

// Runs a program under the hooks and returns the snapshot once nothing of it is alive any more.
json figures_of(const Namespace& name_space, const Arguments& arguments, const Environment& environment = {},
                std::size_t processes = 1) {
    const CommandResult result = run(under_shmrun(name_space, arguments), {environment});
    INFO(result.error_output);
    REQUIRE(result.status.exited_with(0));
    json snapshot;
    REQUIRE(eventually([&] {
        snapshot = shmtop_json(name_space);
        return snapshot.at("processes").empty() && snapshot.at("exited").size() >= processes;
    }));
    CHECK(imbalance(snapshot) == "");
    return snapshot;
}

struct HeapUse {
    std::uint64_t allocations = 0;
    std::uint64_t frees = 0;
    std::uint64_t allocated_bytes = 0;
    std::uint64_t leaked_blocks = 0;
    std::uint64_t leaked_bytes = 0;

    bool operator==(const HeapUse&) const = default;
};

std::ostream& operator<<(std::ostream& out, const HeapUse& use) {
    return out << use.allocations << " allocations, " << use.frees << " frees, " << use.allocated_bytes
               << " bytes; leaked " << use.leaked_blocks << " blocks, " << use.leaked_bytes << " bytes";
}

// Of a run of one process. What it leaked counts as released at its end.
HeapUse use_in(const json& snapshot) {
    const json host = device_row(snapshot, host_device);
    HeapUse use;
    use.leaked_blocks = snapshot.at("exited").at(0).at("leaked_buffers");
    use.leaked_bytes = snapshot.at("exited").at(0).at("leaked_bytes");
    use.allocations = host.at("allocations_total");
    use.allocated_bytes = host.at("allocated_bytes_total");
    use.frees = host.at("deallocations_total").get<std::uint64_t>() - use.leaked_blocks;
    return use;
}

void check_every_event_found_its_block(const json& snapshot) {
    for (const char* count : {"unknown_frees", "ambiguous_frees", "implicit_frees", "dropped", "rejected"}) {
        INFO(count);
        CHECK(snapshot.at("events").at(count) == 0);
    }
}

bool is_installed(const std::string& name) { return run({"/bin/sh", "-c", "command -v " + name}).status.exited_with(0); }

std::uint64_t number_in(std::string text) {
    std::erase(text, ',');
    return std::stoull(text);
}

std::optional<HeapUse> use_seen_by_valgrind(const Arguments& arguments) {
    Arguments command{"valgrind", "--run-libc-freeres=no", "--run-cxx-freeres=no"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::string report = run(command, {}, Milliseconds{120000}).error_output;
    std::smatch at_exit;
    std::smatch total;
    if (!std::regex_search(report, at_exit, std::regex("in use at exit: ([0-9,]+) bytes in ([0-9,]+) blocks")) ||
        !std::regex_search(report, total, std::regex("usage: ([0-9,]+) allocs, ([0-9,]+) frees, ([0-9,]+) bytes"))) {
        return std::nullopt;
    }
    return HeapUse{number_in(total[1]), number_in(total[2]), number_in(total[3]), number_in(at_exit[2]),
                   number_in(at_exit[1])};
}

}  // namespace

TEST_CASE("a program's allocations, frees and leaks are counted exactly") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const json snapshot = figures_of(name_space, {program("churn_program")});
    CHECK(use_in(snapshot) == HeapUse{1110, 1100, 506320, 10, 770});
    check_every_event_found_its_block(snapshot);
    const json host = device_row(snapshot, host_device);
    CHECK(host.at("name") == "host");
    CHECK(type_row(snapshot, host_device, "HOST").at("allocations_total") == 1110);
}

TEST_CASE("every entry point of the allocator is counted once, with the size asked for") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const json snapshot = figures_of(name_space, {program("entry_points_program")});
    CHECK(use_in(snapshot) == HeapUse{13, 13, 5530, 0, 0});
    check_every_event_found_its_block(snapshot);
}

TEST_CASE("a realloc that fails leaves the figures as they were") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const json snapshot = figures_of(name_space, {program("failing_realloc_program")});
    CHECK(use_in(snapshot) == HeapUse{2, 0, 201004, 2, 201004});
    CHECK(device_row(snapshot, host_device).at("allocation_failures_total") == 4);
    check_every_event_found_its_block(snapshot);
}

TEST_CASE("a realloc that fails beside another thread leaves the figures as they were") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const json snapshot = figures_of(name_space, {program("failing_realloc_program"), "threads"});
    CHECK(device_row(snapshot, host_device).at("allocation_failures_total") == 4);
    check_every_event_found_its_block(snapshot);
}

TEST_CASE("sixteen threads that free, grow and reuse each other's blocks leave no block in doubt") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const json snapshot = figures_of(name_space, {program("threads_program")});
    CHECK(use_in(snapshot).allocations > 16 * 20000);
    check_every_event_found_its_block(snapshot);
}

TEST_CASE("a forked child counts for itself, and its frees of the parent's blocks are unknown") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const json snapshot = figures_of(name_space, {program("fork_program")}, {}, 2);
    CHECK(snapshot.at("events").at("unknown_frees") == 40);
    std::multiset<std::uint64_t> leaked_bytes;
    for (const json& process : snapshot.at("exited")) leaked_bytes.insert(process.at("leaked_bytes").get<std::uint64_t>());
    CHECK(leaked_bytes == std::multiset<std::uint64_t>{100, 1000});
}

TEST_CASE("what thread-local destructors allocate and free is counted") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const json snapshot = figures_of(name_space, {program("late_destructor_program")});
    check_every_event_found_its_block(snapshot);
    CHECK(use_in(snapshot).leaked_bytes >= 3300);
}

TEST_CASE("an allocation within the look-up of the allocator is served and not counted") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const json snapshot =
        figures_of(name_space, {program("churn_program")}, {{"LD_PRELOAD", program("allocating_dlsym.so")}});
    check_every_event_found_its_block(snapshot);
    CHECK(use_in(snapshot).leaked_bytes == 770);
}

TEST_CASE("a single-threaded program's heap use is what valgrind says it is") {
    const Arguments arguments = GENERATE(Arguments{program("churn_program")},
                                         Arguments{"sqlite3", ":memory:", "create table t(a); select * from t"});
    INFO(arguments.front());
    if (!is_installed("valgrind") || !is_installed(arguments.front())) {
        WARN("valgrind or " + arguments.front() + " is not installed: not compared");
        return;
    }
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const auto expected = use_seen_by_valgrind(arguments);
    REQUIRE(expected);
    CHECK(use_in(figures_of(name_space, arguments)) == *expected);
}

TEST_CASE("everyday programs run as ever under the malloc hooks, and every free finds its block") {
    const std::string command = GENERATE("python3 -c 'print(sum(len(str(i)) for i in range(20000)))'",
                                         "sqlite3 :memory: 'create table t(a); insert into t values(1); select * from t'",
                                         "git --version", "echo 'int main(){return 0;}' | gcc -x c -c -o /dev/null -");
    INFO(command);
    if (!is_installed(command.starts_with("echo") ? "gcc" : command.substr(0, command.find(' ')))) {
        WARN("not installed: " + command);
        return;
    }
    const Namespace name_space;
    Aggregator aggregator(name_space);
    const CommandResult plain = run({"/bin/sh", "-c", command});
    const CommandResult tracked = run(under_shmrun(name_space, {"/bin/sh", "-c", command}));
    CHECK(tracked.status.code == plain.status.code);
    CHECK(tracked.output == plain.output);
    CHECK(tracked.error_output == plain.error_output);
    json snapshot;
    REQUIRE(eventually([&] {
        snapshot = shmtop_json(name_space);
        return !snapshot.at("exited").empty() && snapshot.at("processes").empty();
    }));
    CHECK(imbalance(snapshot) == "");
    CHECK(snapshot.at("events").at("implicit_frees") == 0);
    CHECK(snapshot.at("events").at("dropped") == 0);
    CHECK(device_row(snapshot, host_device).at("allocations_total") > 0);
    CHECK(live_buffers(snapshot) == 0);
}

#endif  // TRACKSHM_MALLOC_PROGRAMS

TEST_CASE("shmrun ends as the program ends") {
    using namespace trackshm::test;
    CHECK(run({SHMRUN_PATH, "--", "/bin/sh", "-c", "exit 42"}).status.exited_with(42));
    CHECK(run({SHMRUN_PATH, "--", "/bin/sh", "-c", "kill -9 $$"}).status.killed_by(9));
}

TEST_CASE("shmrun passes the program's own options on") {
    using namespace trackshm::test;
    CHECK(run({SHMRUN_PATH, "/bin/echo", "--malloc", "-V", "--"}).output == "--malloc -V --\n");
    CHECK(run({SHMRUN_PATH, "--namespace", "abc", "--", "/bin/sh", "-c", "echo $TRACKSHM $TRACKSHM_NAMESPACE"}).output ==
          "1 abc\n");
}

TEST_CASE("shmrun says in one line what is wrong") {
    using namespace trackshm::test;
    CHECK(run({SHMRUN_PATH, "--", "no-such-program-here"}).status.exited_with(127));
    CHECK(run({SHMRUN_PATH, "--", "/"}).status.exited_with(126));
    for (const Arguments& usage : {Arguments{SHMRUN_PATH}, Arguments{SHMRUN_PATH, "--no-such-option"},
                                   Arguments{SHMRUN_PATH, "--namespace", "a.b", "--", "true"}}) {
        const CommandResult result = run(usage);
        CHECK(result.status.exited_with(2));
        CHECK(std::count(result.error_output.begin(), result.error_output.end(), '\n') == 1);
    }
}

TEST_CASE("malloc hooks whose path the loader would take apart are refused") {
    using namespace trackshm::test;
    const TemporaryDirectory directory;
    const std::filesystem::path place = directory / "with blank";
    std::filesystem::create_directory(place);
    std::filesystem::copy_file(SHMRUN_PATH, place / "shmrun");
    std::ofstream(place / "libtrackshm_malloc.so") << "found, and not preloaded";
    const CommandResult result = run({place / "shmrun", "--malloc", "--", "true"});
    CHECK(result.status.exited_with(1));
    CHECK(count_lines_with(result.error_output, "") == 1);
    CHECK(result.error_output.find("with blank/libtrackshm_malloc.so") != std::string::npos);
    CHECK(run({place / "shmrun", "--", "true"}).status.exited_with(0));
}
