// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: a process that is attached and then does as it likes with its segment, between and during passes.
//
//   input: flags, then operations until it ends. Flag 1: a thread flips bytes while the aggregator reads.
#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "fuzz/input.hpp"
#include "fuzz/served.hpp"
#include "shm/names.hpp"
#include "shm/process_abi.hpp"
#include "shm/record_lock.hpp"

using namespace trackshm;

namespace {

constexpr std::size_t estate_offset = shm::round_to_page(shm::process_segment_bytes(fuzz::fuzzed_slots_per_lane));
constexpr std::size_t file_bytes = estate_offset + 2 * shm::page_bytes;
constexpr std::size_t tickets_offset = offsetof(shm::ProcessHeader, tickets);

void publish_slot(fuzz::Input& input, const fuzz::ShmFile& file) {
    const std::uint32_t lane = input.take<std::uint8_t>() % shm::lane_count;
    auto& header = file.at<shm::LaneHeader>(shm::lanes_offset + lane * sizeof(shm::LaneHeader));
    const std::uint64_t index = header.write_position % fuzz::fuzzed_slots_per_lane;
    auto& slot = file.at<shm::Slot>(shm::slots_offset +
                                    (lane * fuzz::fuzzed_slots_per_lane + index) * sizeof(shm::Slot));
    shm::Event event;
    event.kind = static_cast<shm::EventKind>(input.take<std::uint8_t>() % 17);
    event.type = input.take<std::uint8_t>() % 20;
    event.device = input.take<std::uint8_t>();
    event.id = input.take<std::uint8_t>();
    event.size = input.take<std::uint16_t>();
    event.count = 1 + input.take<std::uint8_t>() % 3;
    auto& tickets = file.at<shm::ProcessHeader>(0).tickets;
    shm::store_slot(slot, tickets++, shm::pack_what(event), event.id, event.size);
    ++header.write_position;
}

void leave_estate(fuzz::Input& input, const fuzz::ShmFile& file) {
    auto& header = file.at<shm::ProcessHeader>(0);
    const std::uint64_t count = 1 + input.take<std::uint8_t>();
    input.copy_to(file.data() + estate_offset, count * sizeof(shm::Slot));
    header.tickets += count;
    header.estate_offset = estate_offset;
    header.estate_count = count;
}

void operate(fuzz::Input& input, const fuzz::ShmFile& file) {
    switch (input.take<std::uint8_t>() % 16) {
        case 0: return fuzz::serve();
        case 1: return input.patch(file.data() + tickets_offset, sizeof(shm::ProcessHeader) - tickets_offset);
        case 2: return input.patch(file.data() + shm::lanes_offset, 4 * sizeof(shm::LaneHeader));
        case 3: return input.patch(file.data() + shm::slots_offset, 4 * fuzz::fuzzed_slots_per_lane * sizeof(shm::Slot));
        case 4: return input.patch(file.data(), file_bytes);
        case 5: return leave_estate(input, file);
        case 6:
            static_cast<void>(!ftruncate(file.fd(), input.take<std::uint32_t>() % file_bytes));
            fuzz::serve();
            static_cast<void>(!ftruncate(file.fd(), file_bytes));
            return;
        default: return publish_slot(input, file);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const auto flags = input.take<std::uint8_t>();
    {
        fuzz::ShmFile file(file_bytes);
        fuzz::fill_header(file);
        file.lock(shm::liveness_byte);
        file.publish_as(shm::process_segment_name(fuzz::name_space(), fuzz::fuzzed_pid, fuzz::fuzzed_nonce));
        fuzz::serve();  // attached; and from here on a fault is survived
        std::optional<fuzz::Mutator> mutator;
        if ((flags & 1) != 0) mutator.emplace(file, tickets_offset, shm::slots_offset + 4 * 2048, size);
        while (!input.is_empty()) operate(input, file);
        fuzz::serve();
    }
    fuzz::serve_the_end();
    return 0;
}
