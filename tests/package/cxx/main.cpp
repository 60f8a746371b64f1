// SPDX-License-Identifier: Apache-2.0
//
// A runtime in C++20 that reports through trackshm.hpp and the compat header, and reads itself back through stats.hpp.
// Runs with tracking on, an aggregator alive and TRACKSHM_NAMESPACE set.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <trackshm/compat/allocation_client.hpp>
#include <trackshm/stats.hpp>
#include <trackshm/trackshm.hpp>

namespace {

using tt::tt_metal::AllocationClient;

int fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    return EXIT_FAILURE;
}

void report() {
    trackshm::describe_device(7, "card seven");
    trackshm::describe_memory(7, trackshm::BufferType::DRAM, std::uint64_t{12} << 30);
    trackshm::report_allocation(7, 1 << 20, trackshm::BufferType::DRAM, 1);
    trackshm::report_allocation(7, 1 << 10, trackshm::BufferType::L1, 1);
    trackshm::report_deallocation_of(7, trackshm::BufferType::L1, 1);
    AllocationClient::report_allocation(7, 1 << 21, TRACKSHM_DRAM, 2);
    AllocationClient::report_allocation(7, 1 << 22, TRACKSHM_DRAM, 3);
    AllocationClient::report_deallocation(7, 3);
    AllocationClient::report_deallocation(2);
}

}  // namespace

int main() {
    if (!trackshm::enabled() || !AllocationClient::is_enabled()) return fail("tracking is off");
    report();
    if (trackshm::sync(std::chrono::seconds{10}) != trackshm::SyncResult::done) return fail("sync did not finish");

    const char* name_space = std::getenv("TRACKSHM_NAMESPACE");
    trackshm::stats::Error error;
    auto reader = trackshm::stats::Reader::open(name_space != nullptr ? name_space : "default", error);
    if (!reader) return fail(error.message);
    trackshm::stats::Snapshot snapshot;
    if (!reader->read(snapshot, error)) return fail(error.message);

    const auto me = std::find_if(snapshot.processes.begin(), snapshot.processes.end(),
                                 [](const auto& process) { return process.own_pid == getpid(); });
    if (me == snapshot.processes.end()) return fail("this process is not in the snapshot");
    if (me->live_bytes != 1 << 20 || me->live_buffers != 1) return fail("wrong live figures");
    if (me->events.unknown_frees != 0 || !me->exact) return fail("a free went astray");

    const auto device = std::find_if(snapshot.devices.begin(), snapshot.devices.end(),
                                     [](const auto& row) { return row.device == 7; });
    if (device == snapshot.devices.end() || device->name != "card seven") return fail("device 7 is not described");
    if (device->capacity_bytes() != std::uint64_t{12} << 30) return fail("wrong capacity");
    if (trackshm::stats::parse_type("l1") != 1 || trackshm::stats::type_name(8) != "TYPE_8") return fail("wrong names");
    return EXIT_SUCCESS;
}
