// SPDX-License-Identifier: Apache-2.0
//
// peers: what a hook costs its caller beside other ways to get an event out of the allocator's way.
//
// Workload: that of hook_sustained, flat out and paced at 1 M events/s, through the hook and, in alternating rounds,
// through each peer that was there when this was built; peers/ has a file for each that says what it does with an event
// and what it cannot do. Where a peer has a consumer, that is pinned to the second core, as the aggregator is. Every
// peer's end is checked as ours is: all events arrived, nothing is live; LTTng-UST alone may lose some, and says so.
#include "harness/experiment.hpp"

namespace trackshm::bench {
namespace {

struct Peer {
    std::string name;
    std::string role;
    Tracking tracking = Tracking::off;
};

// What is measured here: ourselves first.
std::vector<Peer> peers_present(Result& result) {
    std::vector<Peer> peers = {{"trackshm", "hook_sustained", Tracking::on},
                               {"socket, 72-byte messages", "peer_socket"},
                               {"counters in place, mutex", "peer_counters"},
                               {"boost spsc_queue, 2 processes", "peer_spsc_queue"}};
#if TRACKSHM_BENCH_READERWRITERQUEUE
    peers.push_back({"ReaderWriterQueue, 2 threads", "peer_readerwriterqueue"});
#else
    result.notes.emplace_back("ReaderWriterQueue: not built, libreaderwriterqueue-dev was missing");
#endif
#if TRACKSHM_BENCH_LTTNG
    try {
        run_child("peer_lttng", {{"batches", 10}, {"pace_ns", 0}}, {});
        peers.push_back({"LTTng-UST tracepoint", "peer_lttng"});
    } catch (const std::exception&) {
        result.notes.emplace_back("LTTng-UST: left out, no session can be recorded here; stderr says why");
    }
#else
    result.notes.emplace_back("LTTng-UST: not built, liblttng-ust-dev was missing");
#endif
    return peers;
}

void add_trials(std::vector<Trial>& trials, const std::vector<Peer>& peers, const std::string& pace,
                const nlohmann::json& arguments) {
    for (const Peer& peer : peers) trials.push_back({peer.name + pace, peer.role, arguments, peer.tracking});
}

void run(const Options& options, Result& result) {
    const std::vector<Peer> peers = peers_present(result);
    const auto batches = options.sized<std::uint64_t>(15'000, 300);
    std::vector<Trial> trials;
    add_trials(trials, peers, ", flat out", {{"batches", batches}, {"pace_ns", 0}});
    add_trials(trials, peers, ", paced", {{"batches", batches}, {"pace_ns", 64'000}});
    run_interleaved(options, trials, result);
    for (std::size_t index = 0; index < trials.size(); ++index) {
        const std::size_t ours = index / peers.size() * peers.size();
        if (index != ours) result.notes.push_back(ratio_note(result, index, ours, "mean_ns"));
    }
}

const RegisterBenchmark benchmark({"peers", "the hook beside other ways of getting an event across", run});

}  // namespace
}  // namespace trackshm::bench
