// SPDX-License-Identifier: Apache-2.0
//
// pipeline: how many events per second get from one process into the published counters.
//
// Workload: N buffers live, then turns that free the oldest and allocate another; ids are scattered, so with many
// buffers every event misses the caches in the aggregator's table. The process reports 131072 events into a ring of
// 262144, waits with trackshm_sync until they are published, and goes on: nothing is ever coalesced, the aggregator does
// all the work, and its slowest turn shows as max_step_ms (the growth of its table in max_preload_step_ms). The
// time of all steps counts, the waits included.
#include "pipeline.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "harness/crowd.hpp"
#include "harness/observation.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr std::uint64_t ring_events = 262144;
constexpr std::uint64_t events_per_step = ring_events / 2;

// Steps of reporting, each of them followed to its publication.
class Steps {
public:
    template <class Report>
    void step(std::uint64_t events, const Report& report) {
        const std::uint64_t start_ns = now_ns();
        report();
        sync_or_throw();
        const std::uint64_t elapsed_ns = now_ns() - start_ns;
        events_ += events;
        total_ns_ += elapsed_ns;
        longest_ns_ = std::max(longest_ns_, elapsed_ns);
    }

    double events_per_s() const noexcept { return static_cast<double>(events_) * 1e9 / static_cast<double>(total_ns_); }
    double longest_ms() const noexcept { return static_cast<double>(longest_ns_) / 1e6; }
    std::uint64_t events() const noexcept { return events_; }

private:
    std::uint64_t events_ = 0;
    std::uint64_t total_ns_ = 0;
    std::uint64_t longest_ns_ = 0;
};

// Processes that read the counters a thousand times a second each.
class Readers {
public:
    explicit Readers(unsigned count) : reads_(map_count()), start_ns_(now_ns()) {
        if (count == 0) return;
        crowd_.emplace(count, [this](const CrowdMember& member) {
            Counters counters;
            member.ready();
            while (!member.released_within(std::chrono::milliseconds(1))) {
                counters.read();
                reads_->fetch_add(1, std::memory_order_relaxed);
            }
        });
    }
    // How many reads there were per second until now. Ends them.
    double finish() {
        const double elapsed_s = static_cast<double>(now_ns() - start_ns_) / 1e9;
        const auto reads = static_cast<double>(reads_->load(std::memory_order_relaxed));
        if (crowd_) crowd_->dismiss();
        return reads / elapsed_s;
    }

private:
    static std::atomic<std::uint64_t>* map_count() {
        void* const memory = mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no shared memory for the readers' count");
        return new (memory) std::atomic<std::uint64_t>(0);  // as long as the process
    }

    std::atomic<std::uint64_t>* reads_;
    std::uint64_t start_ns_;
    std::optional<Crowd> crowd_;
};

Figures feed(const nlohmann::json& arguments) {
    Readers readers(arguments.at("readers").get<unsigned>());
    pin_to(Core::producer);
    require_tracking();
    const auto live_buffers = arguments.at("live_buffers").get<std::uint64_t>();
    const auto steps = arguments.at("steps").get<std::uint64_t>();
    const HookReporter reporter;
    Churn churn(live_buffers);

    Steps preload;
    for (std::uint64_t from = 0; from < live_buffers;) {
        const std::uint64_t to = std::min(from + events_per_step, live_buffers);
        preload.step(to - from, [&] { churn.preload(reporter, from, to); });
        from = to;
    }
    Steps turns;
    for (std::uint64_t step = 0; step < steps; ++step) {
        turns.step(events_per_step, [&] { churn.turns(reporter, events_per_step / 2); });
    }
    const double reads_per_s = readers.finish();
    while (churn.unload(reporter, events_per_step)) sync_or_throw();

    Figures figures = {{"events_per_s", turns.events_per_s()},
                       {"ns_per_event", 1e9 / turns.events_per_s()},
                       {"max_step_ms", turns.longest_ms()},
                       {"preload_per_s", preload.events_per_s()},
                       {"max_preload_step_ms", preload.longest_ms()},
                       {"events", preload.events() + turns.events() + live_buffers}};
    if (reads_per_s > 0) figures["reads_per_s"] = reads_per_s;
    return figures;
}

void run(const Options& options, Result& result) {
    // The table of 10^7 buffers, with its next size beside it while it grows.
    constexpr std::uint64_t needed_shm_bytes = std::uint64_t{2} << 30;
    const std::uint64_t steps = options.sized(60, 2);
    std::vector<Trial> trials = {pipeline_trial("10^3 live", 1000, steps), pipeline_trial("10^4 live", 10'000, steps),
                                 pipeline_trial("10^5 live", 100'000, steps),
                                 pipeline_trial("10^6 live", 1'000'000, steps)};
    if (options.quick) {
        trials.resize(3);
        result.notes.emplace_back("10^6 and 10^7 live: not with --quick");
    } else if (free_shm_bytes() < needed_shm_bytes) {
        result.notes.push_back(fmt::format("10^7 live: left out, it needs {} MiB free in /dev/shm",
                                           needed_shm_bytes >> 20));
    } else {
        trials.push_back(pipeline_trial("10^7 live", 10'000'000, steps));
    }
    run_interleaved(options, trials, result);
}

const RegisterRole role({"pipeline", feed});
const RegisterBenchmark benchmark({"pipeline", "events per second from one process into the counters", run});

}  // namespace

Trial pipeline_trial(std::string variant, std::uint64_t live_buffers, std::uint64_t steps, unsigned readers) {
    return {std::move(variant),
            "pipeline",
            {{"live_buffers", live_buffers}, {"steps", steps}, {"readers", readers}},
            Tracking::on,
            {{"TRACKSHM_RING_EVENTS", std::to_string(ring_events)}}};
}

}  // namespace trackshm::bench
