// SPDX-License-Identifier: Apache-2.0
//
// The peer "counters in place": no events and nobody who drains them. The process keeps a map from id to device and
// size under one mutex and changes atomic counters in shared memory, its own and those of the device, before the hook
// returns. A reader sees every change at once; what a killed process held stays counted, and its map died with it.
#include "peers/locked_counters.hpp"

#include "churn_run.hpp"
#include "harness/registry.hpp"
#include "peers/live_buffers.hpp"

namespace trackshm::bench {
namespace {

Figures churn(const nlohmann::json& arguments) {
    const CountersReporter reporter;
    Figures figures = run_churn(reporter, arguments);
    check_all_arrived(figures, reporter.applied(), reporter.live_buffers());
    return figures;
}

const RegisterRole role({"peer_counters", churn});

}  // namespace
}  // namespace trackshm::bench
