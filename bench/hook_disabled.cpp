// SPDX-License-Identifier: Apache-2.0
//
// hook_disabled: what a hook costs a program that is not tracked, compared with calling a function that does nothing.
//
// Workload: pairs of an allocation and a deallocation, 65536 events between two looks at the clock. The empty function
// has the hook's signature and lives in libempty_call.so, linked the way libtrackshm.so is, so what the two differ by
// is the hook's own.
#include "empty_call.hpp"
#include "harness/experiment.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

constexpr std::uint64_t events_per_lap = 65536;

struct EmptyReporter {
    void allocation(std::uint32_t device, std::uint64_t size_bytes, std::uint64_t id) const noexcept {
        empty_call_allocation(device, size_bytes, TRACKSHM_DRAM, id);
    }
    void deallocation(std::uint64_t id) const noexcept { empty_call_deallocation(id); }
};

template <class Reporter>
Figures call(const nlohmann::json& arguments) {
    pin_to(Core::producer);
    const auto laps = arguments.at("laps").get<std::uint64_t>();
    const Reporter reporter;
    const auto lap = [&reporter] {
        for (std::uint64_t id = 0; id < events_per_lap / 2; ++id) {
            reporter.allocation(0, 4096, id);
            reporter.deallocation(id);
        }
    };
    lap();
    BatchTimes times(events_per_lap, laps);
    times.start();
    for (std::uint64_t count = 0; count < laps; ++count) {
        lap();
        times.lap();
    }
    Figures figures = Figures::object();
    times.summarize(figures);
    return figures;
}

void run(const Options& options, Result& result) {
    const nlohmann::json arguments = {{"laps", options.sized(1000, 20)}};
    run_interleaved(options,
                    {{"tracking off", "disabled_hook", arguments, Tracking::off},
                     {"empty function", "empty_call", arguments, Tracking::off}},
                    result);
    result.notes.push_back(difference_note(result, 0, 1, "p50_ns"));
}

const RegisterRole hook_role({"disabled_hook", call<HookReporter>});
const RegisterRole empty_role({"empty_call", call<EmptyReporter>});
const RegisterBenchmark benchmark({"hook_disabled", "cost of a hook with tracking off", run});

}  // namespace
}  // namespace trackshm::bench
