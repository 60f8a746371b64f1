// SPDX-License-Identifier: Apache-2.0
//
// The peer "LTTng-UST": every event a tracepoint with the same fields, recorded by a running session into its default
// buffers (one set per core, four times 512 KiB each) which a consumer daemon writes to files. A tracepoint has a time
// stamp; it knows nothing of live bytes, which somebody would have to work out from the files afterwards. When a buffer
// is full the event is lost: lost_percent says how many, and mean_ns includes those that were.
#include <dlfcn.h>

#include <stdexcept>

#include "churn_run.hpp"
#include "harness/registry.hpp"
#include "peers/lttng_session.hpp"

namespace trackshm::bench {
namespace {

// The tracepoints, loaded once a session waits for them: they register with its daemon as they are loaded.
class TracepointReporter {
public:
    TracepointReporter() {
        void* const library = dlopen(BENCH_LTTNG_PEER, RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) throw std::runtime_error(dlerror());
        allocation_ = reinterpret_cast<Allocation>(dlsym(library, "lttng_peer_allocation"));
        deallocation_ = reinterpret_cast<Deallocation>(dlsym(library, "lttng_peer_deallocation"));
        if (allocation_ == nullptr || deallocation_ == nullptr)
            throw std::runtime_error("no tracepoints in " BENCH_LTTNG_PEER);
    }

    void allocation(std::uint32_t device, std::uint64_t size_bytes, std::uint64_t id) const noexcept {
        allocation_(device, size_bytes, 0, id);
    }
    void deallocation(std::uint64_t id) const noexcept { deallocation_(id); }
    // Nobody can tell while the session runs: published_per_s is the speed of recording.
    void settle() const noexcept {}

private:
    using Allocation = void (*)(std::uint32_t, std::uint64_t, std::uint8_t, std::uint64_t);
    using Deallocation = void (*)(std::uint64_t);
    Allocation allocation_ = nullptr;
    Deallocation deallocation_ = nullptr;
};

// What even the smaller of the two events takes in a trace: its id.
constexpr std::uint64_t least_event_bytes = 8;

Figures churn(const nlohmann::json& arguments) {
    LttngSession session("trackshm_peer");
    const TracepointReporter reporter;
    Figures figures = run_churn(reporter, arguments);
    session.stop();
    const auto reported = figures.at("events").get<std::uint64_t>();
    const std::uint64_t discarded = session.discarded_events();
    if (discarded > reported || session.trace_bytes() < (reported - discarded) * least_event_bytes) {
        throw std::runtime_error("the trace does not hold the events; does the session see the tracepoints?");
    }
    figures.erase("events");
    figures["lost_percent"] = 100 * static_cast<double>(discarded) / static_cast<double>(reported);
    return figures;
}

const RegisterRole role({"peer_lttng", churn});

}  // namespace
}  // namespace trackshm::bench
