// SPDX-License-Identifier: Apache-2.0
#include "fuzz/served.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "aggregator/aggregator.hpp"
#include "aggregator/service_manager.hpp"
#include "shm/os.hpp"
#include "shm/process_abi.hpp"

namespace trackshm::fuzz {
namespace {

using aggregator::Aggregator;

int stop_at_once() {
    static const int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd;
}

aggregator::ServiceManager& no_manager() {
    static aggregator::ServiceManager manager;  // nothing in the environment names one
    return manager;
}

void start(Aggregator& served) {
    std::string message;
    if (served.start(message) == Aggregator::Start::ok) return;
    std::fprintf(stderr, "the aggregator does not start: %s\n", message.c_str());
    std::abort();
}

aggregator::Options options(bool fresh) {
    aggregator::Options result;
    result.fresh = fresh;
    result.name_space = name_space();
    result.quiet = true;
    return result;
}

Aggregator* served = nullptr;  // not a static object: at exit nothing is to be cleared away

}  // namespace

void fill_header(const ShmFile& segment) {
    auto& header = segment.at<shm::ProcessHeader>(0);
    header.layout = shm::layout_version;
    header.header_bytes = sizeof(shm::ProcessHeader);
    header.segment_bytes = segment.bytes();
    header.lanes = shm::lane_count;
    header.slots_per_lane = fuzzed_slots_per_lane;
    header.lanes_offset = shm::lanes_offset;
    header.slots_offset = shm::slots_offset;
    header.boot_id = shm::boot_id();
    header.nonce = fuzzed_nonce;
    header.pid = fuzzed_pid;
    header.uid = geteuid();
    std::strcpy(header.comm, "fuzzed");
    header.lanes_used = shm::lane_count;
    header.magic = shm::process_magic;
}

void serve() {
    if (served == nullptr) {
        served = new Aggregator(options(true));
        start(*served);
    }
    served->run(stop_at_once(), no_manager());
}

void serve_the_end() {
    constexpr unsigned inputs_in_all = 200;
    static unsigned inputs = 0;
    serve();
    if (++inputs % inputs_in_all != 0) return;
    delete served;
    served = nullptr;
}

void serve_as_successor() {
    Aggregator successor(options(false));
    start(successor);
    successor.run(stop_at_once(), no_manager());
}

}  // namespace trackshm::fuzz
