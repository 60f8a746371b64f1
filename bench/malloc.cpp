// SPDX-License-Identifier: Apache-2.0
//
// malloc: how much longer real programs take under `shmrun --malloc`.
//
// Workload: python3 turns dictionaries into JSON and back, with its own small-block allocator and, as another row, with
// every object from malloc (PYTHONMALLOC=malloc); sqlite3 fills a table in memory, indexes and groups it; gcc compiles
// a generated file (its cc1 alone); git goes through the differences of a generated history. Each is run bare, under
// `shmrun --malloc` with an aggregator beside it, and under heaptrack where that is installed, one after the other,
// from start to end, on all cores. Ratios are of runs of one round. heaptrack also records who called, which we do not.
#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

#include "harness/experiment.hpp"
#include "harness/programs.hpp"

namespace trackshm::bench {
namespace {

constexpr auto timeout = std::chrono::seconds(120);

struct Workload {
    std::string name;
    std::string program;
    std::vector<std::string> arguments;
    Environment environment = {};
};

std::string c_source(int functions) {
    std::string text;
    for (int f = 0; f < functions; ++f) {
        text += fmt::format(
            R"(int f{0}(const int *a, int n) {{
    int s = {0};
    for (int i = 0; i < n; ++i)
        switch (a[i] % 7) {{
            case 0: s += a[i]; break;
            case 1: s ^= i; break;
            case 2: s *= {1}; break;
            default: s -= a[n - 1 - i];
        }}
    return s;
}}
)",
            f, f % 13 + 2);
    }
    return text;
}

// What `git fast-import` reads: one file of which every commit changes some lines.
std::string history(int commits) {
    std::string text;
    for (int commit = 1; commit <= commits; ++commit) {
        std::string content;
        for (int line = 0; line < 200; ++line) content += fmt::format("line {}, {}\n", line, line * 7 % commit);
        text += fmt::format(
            "commit refs/heads/main\ncommitter Nobody <nobody@example.org> {} +0000\ndata 6\nchange\nM 100644 inline "
            "file.txt\ndata {}\n{}\n",
            1'700'000'000 + commit, content.size(), content);
    }
    return text;
}

void write_file(const std::filesystem::path& file, const std::string& text) {
    std::ofstream stream(file);
    stream << text;
    stream.close();
    if (stream.fail()) throw std::runtime_error("cannot write " + file.string());
}

ProgramRun run_or_throw(const std::string& program, const std::vector<std::string>& arguments,
                        const Environment& environment) {
    ProgramRun run = run_program(program, arguments, environment, timeout);
    if (run.exit_status != 0) {
        throw std::runtime_error(
            fmt::format("{} ended with wait status {:#x}: {}", program, run.exit_status, run.output));
    }
    return run;
}

// The programs, and the files they work on. A program that is not installed is left out, with a note.
class Workloads {
public:
    Workloads(const Options& options, Result& result) : options_(options) {
        add(result, "python3", &Workloads::python);
        add(result, "sqlite3", &Workloads::sqlite);
        add(result, "gcc", &Workloads::gcc);
        add(result, "git", &Workloads::git);
    }
    const std::vector<Workload>& all() const noexcept { return all_; }
    std::string file(const std::string& name) const { return directory_.path() / name; }

private:
    void add(Result& result, const std::string& program, void (Workloads::*make)(const std::string& path)) {
        if (const auto path = find_program(program)) {
            (this->*make)(*path);
        } else {
            result.notes.push_back(program + ": not installed");
        }
    }

    void python(const std::string& path) {
        const std::string code = fmt::format(
            "import json\nd = {{str(i): list(range(i % 50)) for i in range(2000)}}\n"
            "for _ in range({}): json.loads(json.dumps(d))",
            options_.sized(25, 1));
        all_.push_back({"python3", path, {"-I", "-c", code}});
        all_.push_back({"python3, PYTHONMALLOC=malloc", path, {"-c", code}, {{"PYTHONMALLOC", "malloc"}}});
    }

    void sqlite(const std::string& path) {
        const std::string statements = fmt::format(
            R"(create table t(id integer primary key, name text, size integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < {})
    insert into t select i, 'buffer ' || i * 7919 % 10007, i % 4096 from n;
create index by_name on t(name);
select count(*), sum(size) from (select name, sum(size) as size from t group by name);)",
            options_.sized(150'000, 1000));
        all_.push_back({"sqlite3", path, {":memory:", statements}});
    }

    // The compiler proper: heaptrack would see its driver alone.
    void gcc(const std::string& path) {
        std::string compiler = run_or_throw(path, {"-print-prog-name=cc1"}, {}).output;
        compiler.erase(compiler.find_last_not_of('\n') + 1);
        write_file(file("generated.c"), c_source(options_.sized(50, 3)));
        all_.push_back({"gcc's cc1 -O2", compiler, {"-quiet", "-O2", file("generated.c"), "-o", file("generated.s")}});
    }

    void git(const std::string& path) {
        const std::string stream = file("history");
        const std::string repository = file("repository");
        write_file(stream, history(options_.sized(3000, 5)));
        run_or_throw(path, {"init", "--quiet", "--bare", repository}, {});
        run_or_throw("/bin/sh", {"-c", "exec \"$0\" -C \"$1\" fast-import --quiet <\"$2\"", path, repository, stream},
                     {});
        all_.push_back({"git log --numstat", path, {"-C", repository, "log", "--numstat", "main"}});
    }

    const Options& options_;
    TemporaryDirectory directory_{"malloc"};
    std::vector<Workload> all_;
};

void check_all_accounted_for(const stats::Snapshot& snapshot, const std::string& name, Result& result) {
    const stats::Events& events = snapshot.events;
    if (events.reported != 0 && events.reported == events.applied + events.coalesced && events.dropped == 0 &&
        events.rejected == 0 && snapshot.exact) {
        return;
    }
    result.failures.push_back(fmt::format(
        "{}: {} events reported = {} applied + {} coalesced + {} dropped + {} pending; {} rejected, exact {}", name,
        events.reported, events.applied, events.coalesced, events.dropped, events.pending, events.rejected,
        snapshot.exact));
}

struct Tracked {
    double wall_ms;
    std::uint64_t events;
};

Tracked run_tracked(const Options& options, const Workload& workload, Result& result) {
    AggregatorProcess aggregator(options.aggregator);
    std::vector<std::string> arguments = {"--namespace", aggregator.name_space().name(), "--malloc", "--",
                                          workload.program};
    arguments.insert(arguments.end(), workload.arguments.begin(), workload.arguments.end());
    const ProgramRun run = run_or_throw(options.shmrun, arguments, workload.environment);
    const stats::Snapshot snapshot = aggregator.settled_snapshot();
    check_all_accounted_for(snapshot, workload.name, result);
    return {run.wall_ms, snapshot.events.reported};
}

double run_under_heaptrack(const std::string& heaptrack, const Workload& workload, const std::string& output) {
    std::vector<std::string> arguments = {"--raw", "--output", output, workload.program};
    arguments.insert(arguments.end(), workload.arguments.begin(), workload.arguments.end());
    return run_or_throw(heaptrack, arguments, workload.environment).wall_ms;
}

void run(const Options& options, Result& result) {
    const Workloads workloads(options, result);
    const std::optional<std::string> heaptrack = find_program("heaptrack");
    if (!heaptrack) result.notes.emplace_back("heaptrack: not installed");
    std::vector<Measurement> measurements;
    for (const Workload& workload : workloads.all()) measurements.push_back({workload.name, {}});
    for (int round = 0; round < options.rounds; ++round) {
        for (std::size_t index = 0; index < workloads.all().size(); ++index) {
            const Workload& workload = workloads.all()[index];
            const double bare_ms = run_or_throw(workload.program, workload.arguments, workload.environment).wall_ms;
            const Tracked tracked = run_tracked(options, workload, result);
            Figures figures = {{"bare_ms", bare_ms},
                               {"shmrun_ms", tracked.wall_ms},
                               {"shmrun_ratio", tracked.wall_ms / bare_ms},
                               {"events", tracked.events}};
            if (heaptrack) {
                const double heaptrack_ms = run_under_heaptrack(*heaptrack, workload, workloads.file("heaptrack"));
                figures["heaptrack_ms"] = heaptrack_ms;
                figures["heaptrack_ratio"] = heaptrack_ms / bare_ms;
            }
            measurements[index].rounds.push_back(std::move(figures));
        }
    }
    result.measurements = std::move(measurements);
}

const RegisterBenchmark benchmark({"malloc", "real programs under shmrun --malloc", run});

}  // namespace
}  // namespace trackshm::bench
