// SPDX-License-Identifier: Apache-2.0
//
// attach: what the first event of a process and of a thread costs, and the shared memory they take from then on.
//
// Workload: a fresh process reports one allocation (attach_us: it makes its segment and its first lane), and a second
// thread of it another one (lane_us), each timed as a single call of the hook; then both buffers are freed. 100
// processes one after the other, each a program started anew; the percentiles are over them. The bytes are storage in
// /dev/shm: of the segment with one thread, of each further thread, and of the table the aggregator keeps for the
// process.
#include <algorithm>
#include <string>
#include <thread>

#include <unistd.h>

#include "harness/experiment.hpp"
#include "harness/observation.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

double time_allocation_us(std::uint64_t id) {
    const HookReporter reporter;
    const std::uint64_t start_ns = now_ns();
    reporter.allocation(0, 4096, id);
    return static_cast<double>(now_ns() - start_ns) / 1000;
}

Figures attach_once(const nlohmann::json&) {
    pin_to(Core::producer);
    const std::string segment = ".p." + std::to_string(getpid()) + ".";
    const std::string table = ".l." + std::to_string(getpid()) + ".";
    const double attach_us = time_allocation_us(1);
    require_tracking();
    const std::uint64_t one_thread_bytes = shm_bytes(segment);
    double lane_us = 0;
    std::thread([&] { lane_us = time_allocation_us(2); }).join();
    const std::uint64_t two_threads_bytes = shm_bytes(segment);
    sync_or_throw();
    const std::uint64_t table_bytes = shm_bytes(table);
    const HookReporter reporter;
    reporter.deallocation(1);
    reporter.deallocation(2);
    return {{"attach_us", attach_us},
            {"lane_us", lane_us},
            {"segment_bytes", one_thread_bytes},
            {"thread_bytes", two_threads_bytes - one_thread_bytes},
            {"table_bytes", table_bytes}};
}

void summarize(Figures& figures, const std::string& name, std::vector<double> samples) {
    std::sort(samples.begin(), samples.end());
    figures["p50_" + name] = percentile(samples, 50);
    figures["p90_" + name] = percentile(samples, 90);
    figures["max_" + name] = samples.back();
}

Figures attach_again_and_again(const nlohmann::json& arguments) {
    const auto processes = arguments.at("processes").get<std::uint64_t>();
    const Environment tracked = {{"TRACKSHM", "1"}, {"TRACKSHM_NAMESPACE", own_namespace()}};
    std::vector<double> attach_us;
    std::vector<double> lane_us;
    Figures last;
    for (std::uint64_t count = 0; count < processes; ++count) {
        last = run_child("attach_once", nlohmann::json::object(), tracked);
        attach_us.push_back(last.at("attach_us").get<double>());
        lane_us.push_back(last.at("lane_us").get<double>());
    }
    Figures figures = Figures::object();
    summarize(figures, "attach_us", attach_us);
    summarize(figures, "lane_us", lane_us);
    for (const char* const size : {"segment_bytes", "thread_bytes", "table_bytes"}) figures[size] = last.at(size);
    figures["events"] = 4 * processes;
    return figures;
}

void run(const Options& options, Result& result) {
    run_interleaved(options, {{"one process after another", "attach", {{"processes", options.sized(100, 3)}}}}, result);
}

const RegisterRole once_role({"attach_once", attach_once});
const RegisterRole role({"attach", attach_again_and_again});
const RegisterBenchmark benchmark({"attach", "the first event of a process and of a thread, and its shared memory",
                                   run});

}  // namespace
}  // namespace trackshm::bench
