// SPDX-License-Identifier: Apache-2.0
//
// hook_two_threads: what a second reporting thread costs the first: both take their tickets from one counter.
//
// Workload: that of hook_burst, by one thread or by two on different cores. Two threads start each burst together; then
// one of them waits (not timed) until the aggregator has drained both lanes. On a machine with two cores the
// aggregator shares the second thread's core, which shows in the highest percentiles.
#include <barrier>
#include <exception>
#include <thread>

#include "harness/experiment.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr std::uint64_t warm_up_bursts = 20;

class Reporters {
public:
    Reporters(unsigned threads, std::uint64_t bursts)
        : bursts_(bursts),
          start_(static_cast<std::ptrdiff_t>(threads)),
          times_(threads, BatchTimes(events_per_batch, bursts * batches_per_burst)) {
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
        figures["events"] = times_.size() * (warm_up_bursts + bursts_) * events_per_burst;
        return figures;
    }

private:
    void report(unsigned thread) {
        pin_to(thread == 0 ? Core::producer : Core::consumer);
        BatchTimes ignored(events_per_batch, warm_up_bursts * batches_per_burst);
        // Far enough apart that the threads never share an id.
        Pairs pairs(thread * std::uint64_t{2048});
        for (std::uint64_t burst = 0; burst < warm_up_bursts; ++burst) report_burst(thread, pairs, ignored);
        for (std::uint64_t burst = 0; burst < bursts_; ++burst) report_burst(thread, pairs, times_[thread]);
    }

    void report_burst(unsigned thread, Pairs& pairs, BatchTimes& times) {
        const HookReporter reporter;
        start_.arrive_and_wait();
        times.start();
        for (std::uint64_t batch = 0; batch < batches_per_burst; ++batch) {
            pairs.report(reporter, pairs_per_batch);
            times.lap();
        }
        start_.arrive_and_wait();
        if (thread == 0) drain();
    }

    void drain() noexcept {
        try {
            sync_or_throw();
        } catch (...) {
            failure_ = std::current_exception();
        }
    }

    std::uint64_t bursts_;
    std::barrier<> start_;
    std::vector<BatchTimes> times_;
    std::exception_ptr failure_;
};

Figures report_with_threads(const nlohmann::json& arguments) {
    require_tracking();
    return Reporters(arguments.at("threads").get<unsigned>(), arguments.at("bursts").get<std::uint64_t>()).figures();
}

void run(const Options& options, Result& result) {
    const std::uint64_t bursts = options.sized(2000, 20);
    run_interleaved(options,
                    {{"1 thread", "hook_two_threads", {{"threads", 1}, {"bursts", bursts}}},
                     {"2 threads", "hook_two_threads", {{"threads", 2}, {"bursts", bursts}}}},
                    result);
}

const RegisterRole role({"hook_two_threads", report_with_threads});
const RegisterBenchmark benchmark({"hook_two_threads", "cost of a hook when another thread reports too", run});

}  // namespace
}  // namespace trackshm::bench
