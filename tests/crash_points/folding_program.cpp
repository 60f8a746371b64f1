// SPDX-License-Identifier: Apache-2.0
//
// A tracked process that also says what only a coalescer past a quarter of a million events says: slots of folded
// events. It reaches into the library for that, as no program can. Reads commands, answers each with "ok".
//
//   alloc D SIZE T ID      folded_pairs D T PAIRS BYTES      folded_frees IMPLICIT AMBIGUOUS      folded_free_all ID
//   usage D T BYTES        lowered_usage D T BYTES         coalesced_reports COUNT     lie     sync
#include <trackshm/trackshm.h>

#include <cstddef>
#include <iostream>
#include <sstream>
#include <string>

#include "shm/process_abi.hpp"
#include "shm/producer.hpp"

namespace {

using trackshm::shm::Event;
using trackshm::shm::EventKind;
using trackshm::shm::ProcessHeader;

ProcessHeader& own_header() {
    auto* const tickets = reinterpret_cast<std::byte*>(trackshm::shm::tickets);
    return *reinterpret_cast<ProcessHeader*>(tickets - offsetof(ProcessHeader, tickets));
}

// As a flush does it, into this thread's own lane: it needs an earlier report to have one.
bool push(const Event& event) {
    own_header().extra_slots.fetch_add(1);
    return trackshm::shm::this_thread.lane.push(*trackshm::shm::tickets, event);
}

bool execute(const std::string& verb, std::istream& arguments) {
    std::uint64_t n[4] = {};
    for (auto& number : n) arguments >> number;
    const auto device = static_cast<std::uint16_t>(n[0]);
    const auto type = static_cast<std::uint8_t>(n[1]);
    if (verb == "alloc") {
        trackshm_report_allocation(device, n[1], static_cast<std::uint8_t>(n[2]), n[3]);
        return true;
    }
    if (verb == "usage") {
        trackshm_report_usage(device, type, n[2]);
        return true;
    }
    if (verb == "lowered_usage") return push({EventKind::lowered_usage, type, device, 1, 0, n[2]});
    if (verb == "coalesced_reports") {
        own_header().absorbed.fetch_add(n[0]);
        return push({EventKind::coalesced_reports, 0, 0, 1, n[0], 0});
    }
    if (verb == "folded_pairs") return push({EventKind::folded_pairs, type, device, 1, n[2], n[3]});
    if (verb == "folded_frees") return push({EventKind::folded_frees, 0, 0, 1, n[0], n[1]});
    if (verb == "sync") return trackshm_sync(10'000) == 0;
    if (verb == "lie") return push({EventKind::allocation, trackshm::shm::type_count});  // there is no such type
    if (verb == "folded_free_all") return push({EventKind::folded_free_all, 0, 0, 1, n[0], 0});
    return false;
}

}  // namespace

int main() {
    std::cout << "ok" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string verb;
        words >> verb;
        std::cout << (execute(verb, words) ? "ok" : "error") << std::endl;
    }
}
