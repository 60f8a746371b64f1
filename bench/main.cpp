// SPDX-License-Identifier: Apache-2.0
//
// trackshm_bench: runs the benchmarks of this directory and prints what they measured. README.md says how to read it.
//
// Exit: 0 all ran and no event was lost, whatever the times; 1 otherwise; 2 usage.
#include <unistd.h>

#include <exception>
#include <fstream>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "harness/machine.hpp"
#include "harness/process.hpp"
#include "harness/registry.hpp"
#include "harness/report.hpp"

namespace trackshm::bench {
namespace {

constexpr int failure_status = 1;
constexpr int usage_status = 2;

struct CommandLine {
    Options options;
    bool list = false;
    std::vector<std::string> filters;
    std::string json_file;
    std::string child_role;
    std::string child_arguments = "{}";
    int child_output = STDOUT_FILENO;
};

void define(CLI::App& app, CommandLine& line) {
    app.add_flag("--list", line.list, "Say which benchmarks there are");
    app.add_option("--filter", line.filters, "Run only the benchmarks whose name contains NAME; may be repeated")
        ->type_name("NAME");
    app.add_flag("--quick", line.options.quick, "Run each for a moment: shows that they work, not how fast things are");
    app.add_option("--rounds", line.options.rounds, "Measure each configuration N times, alternating")
        ->type_name("N")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--json", line.json_file, "Write the results as JSON; - is stdout, instead of the table")
        ->type_name("FILE");
    app.add_option("--aggregator", line.options.aggregator, "The shm_aggregator to measure")
        ->type_name("PATH")
        ->capture_default_str();
    app.add_option("--shmrun", line.options.shmrun, "The shmrun to measure")->type_name("PATH")->capture_default_str();
    // How the driver starts its own children.
    app.add_option("--child", line.child_role)->group("");
    app.add_option("--child-arguments", line.child_arguments)->group("");
    app.add_option("--child-output", line.child_output)->group("");
}

bool selected(const Benchmark& benchmark, const std::vector<std::string>& filters) {
    if (filters.empty()) return true;
    for (const std::string& filter : filters) {
        if (benchmark.name.find(filter) != std::string::npos) return true;
    }
    return false;
}

int run_role(const CommandLine& line) {
    const Role* role = find_role(line.child_role);
    if (role == nullptr) throw std::runtime_error("no such role: " + line.child_role);
    send_figures(line.child_output, role->run(nlohmann::json::parse(line.child_arguments)));
    return 0;
}

Result measure(const Benchmark& benchmark, const Options& options) {
    Result result;
    result.benchmark = benchmark.name;
    try {
        benchmark.run(options, result);
    } catch (const std::exception& failure) {
        result.failures.emplace_back(failure.what());
    }
    return result;
}

bool write_json(const std::string& file, const nlohmann::ordered_json& document) {
    const std::string text = document.dump(2) + "\n";
    if (file == "-") {
        fmt::print("{}", text);
        return true;
    }
    std::ofstream stream(file);
    stream << text;
    stream.close();
    if (stream.fail()) fmt::print(stderr, "trackshm_bench: cannot write {}; give another --json FILE\n", file);
    return !stream.fail();
}

int run_benchmarks(const CommandLine& line) {
    const bool prints_table = line.json_file != "-";
    const nlohmann::ordered_json machine = describe_machine();
    if (prints_table) fmt::print("{}\n", banner(machine));

    std::vector<Result> results;
    bool failed = false;
    for (const Benchmark& benchmark : benchmarks()) {
        if (!selected(benchmark, line.filters)) continue;
        results.push_back(measure(benchmark, line.options));
        const Result& result = results.back();
        if (prints_table) {
            fmt::print("{}\n", as_table(result));
            std::fflush(stdout);
        } else {
            for (const std::string& failure : result.failures) {
                fmt::print(stderr, "trackshm_bench: {}: {}\n", result.benchmark, failure);
            }
        }
        failed = failed || !result.failures.empty();
    }
    if (results.empty()) {
        fmt::print(stderr, "trackshm_bench: no benchmark has such a name; --list shows them\n");
        return usage_status;
    }
    if (!line.json_file.empty() && !write_json(line.json_file, as_json(machine, line.options, results))) failed = true;
    return failed ? failure_status : 0;
}

int run(int argc, char** argv) {
    CommandLine line;
    line.options.aggregator = BENCH_AGGREGATOR;
    line.options.shmrun = BENCH_SHMRUN;
    CLI::App app("Measures trackshm. Every figure is the median of several rounds.", "trackshm_bench");
    define(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : usage_status;
    }
    if (!line.child_role.empty()) return run_role(line);
    if (line.list) {
        for (const Benchmark& benchmark : benchmarks()) fmt::print("{:<21}{}\n", benchmark.name, benchmark.summary);
        return 0;
    }
    if (line.options.quick && app.count("--rounds") == 0) line.options.rounds = 1;
    throw_on_interrupt();
    return run_benchmarks(line);
}

}  // namespace
}  // namespace trackshm::bench

int main(int argc, char** argv) {
    try {
        return trackshm::bench::run(argc, argv);
    } catch (const std::exception& failure) {
        fmt::print(stderr, "trackshm_bench: {}\n", failure.what());
        return trackshm::bench::failure_status;
    }
}
