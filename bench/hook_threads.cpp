// SPDX-License-Identifier: Apache-2.0
//
// hook_threads: what other reporting threads cost a thread: all take their tickets from one counter.
//
// Workload: that of hook_burst, by 1, 2, 4 or 8 threads, spread over the cores in turn. They start each burst together;
// then one of them waits (not timed) until the aggregator has drained all lanes. Threads that share a core are
// scheduled out in the middle of batches, which is in mean_ns and in the highest percentiles, and so is the
// aggregator's share of the second core; cpu_ns is the CPU time per event alone. For comparison the same through the
// peer that changes counters in place (peers/locked_counters.cpp), whose threads wait for each other at its mutex.
#include <barrier>
#include <ctime>
#include <exception>
#include <string>
#include <thread>

#include "harness/experiment.hpp"
#include "peers/live_buffers.hpp"
#include "peers/locked_counters.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr std::uint64_t warm_up_bursts = 20;

std::uint64_t thread_cpu_ns() noexcept {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

template <class Reporter>
class Reporters {
public:
    Reporters(const Reporter& reporter, unsigned threads, std::uint64_t bursts)
        : reporter_(reporter),
          bursts_(bursts),
          start_(static_cast<std::ptrdiff_t>(threads)),
          times_(threads, BatchTimes(events_per_batch, bursts * batches_per_burst)),
          cpu_ns_(threads) {
        std::vector<std::jthread> running;
        for (unsigned thread = 0; thread < threads; ++thread) {
            running.emplace_back([this, thread] { report(thread); });
        }
    }

    Figures figures() const {
        if (failure_) std::rethrow_exception(failure_);
        BatchTimes all = times_.front();
        for (std::size_t thread = 1; thread < times_.size(); ++thread) all.merge(times_[thread]);
        Figures figures = Figures::object();
        all.summarize(figures);
        std::uint64_t cpu_ns = 0;
        for (const std::uint64_t thread_ns : cpu_ns_) cpu_ns += thread_ns;
        figures["cpu_ns"] =
            static_cast<double>(cpu_ns) / static_cast<double>(times_.size() * bursts_ * events_per_burst);
        figures["events"] = times_.size() * (warm_up_bursts + bursts_) * events_per_burst;
        return figures;
    }

private:
    void report(unsigned thread) {
        pin_to_core(thread);
        BatchTimes ignored(events_per_batch, warm_up_bursts * batches_per_burst);
        // Far enough apart that the threads never share an id.
        Pairs pairs(thread * std::uint64_t{512});
        for (std::uint64_t burst = 0; burst < warm_up_bursts; ++burst) report_burst(thread, pairs, ignored);
        std::uint64_t cpu_ns = 0;
        for (std::uint64_t burst = 0; burst < bursts_; ++burst) cpu_ns += report_burst(thread, pairs, times_[thread]);
        cpu_ns_[thread] = cpu_ns;
    }

    // Returns the CPU time it took.
    std::uint64_t report_burst(unsigned thread, Pairs& pairs, BatchTimes& times) {
        start_.arrive_and_wait();
        const std::uint64_t before_ns = thread_cpu_ns();
        times.start();
        for (std::uint64_t batch = 0; batch < batches_per_burst; ++batch) {
            pairs.report(reporter_, pairs_per_batch);
            times.lap();
        }
        const std::uint64_t cpu_ns = thread_cpu_ns() - before_ns;
        start_.arrive_and_wait();
        if (thread == 0) drain();
        return cpu_ns;
    }

    void drain() noexcept {
        try {
            reporter_.settle();
        } catch (...) {
            failure_ = std::current_exception();
        }
    }

    const Reporter& reporter_;
    std::uint64_t bursts_;
    std::barrier<> start_;
    std::vector<BatchTimes> times_;
    std::vector<std::uint64_t> cpu_ns_;
    std::exception_ptr failure_;
};

template <class Reporter>
Figures report_with_threads(const Reporter& reporter, const nlohmann::json& arguments) {
    return Reporters<Reporter>(reporter, arguments.at("threads").get<unsigned>(),
                               arguments.at("bursts").get<std::uint64_t>())
        .figures();
}

Figures through_hooks(const nlohmann::json& arguments) {
    require_tracking();
    return report_with_threads(HookReporter(), arguments);
}

Figures through_counters(const nlohmann::json& arguments) {
    const CountersReporter reporter;
    Figures figures = report_with_threads(reporter, arguments);
    check_all_arrived(figures, reporter.applied(), reporter.live_buffers());
    return figures;
}

void run(const Options& options, Result& result) {
    const std::uint64_t bursts = options.sized(1000, 20);
    std::vector<Trial> trials;
    for (const int threads : {1, 2, 4, 8}) {
        const std::string name = std::to_string(threads) + (threads == 1 ? " thread" : " threads");
        const nlohmann::json arguments = {{"threads", threads}, {"bursts", bursts}};
        trials.push_back({name, "hook_threads", arguments});
        trials.push_back({name + ", counters in place", "threads_counters", arguments, Tracking::off});
    }
    run_interleaved(options, trials, result);
}

const RegisterRole role({"hook_threads", through_hooks});
const RegisterRole counters_role({"threads_counters", through_counters});
const RegisterBenchmark benchmark({"hook_threads", "cost of a hook when other threads report too", run});

}  // namespace
}  // namespace trackshm::bench
