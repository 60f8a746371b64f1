// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: the ledger and a table that an aggregator finds when it starts. They begin as honest ones, as a killed
// aggregator leaves them, so that a change of a few bytes gets behind the first checks.
//
//   input: flags, then patches. Flag 1: the process's segment is there and it lives, 2: it is there and it has ended;
//   4: the log is open.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "aggregator/ledger_abi.hpp"
#include "aggregator/table_abi.hpp"
#include "fuzz/input.hpp"
#include "fuzz/served.hpp"
#include "shm/names.hpp"
#include "shm/process_abi.hpp"
#include "shm/record_lock.hpp"

using namespace trackshm;

namespace {

constexpr std::size_t process_bytes = shm::process_segment_bytes(fuzz::fuzzed_slots_per_lane);
// Of the ledger and the log no more than is in use here.
constexpr std::size_t ledger_head_bytes = aggregator::accounts_offset + 4 * sizeof(aggregator::DeviceAccount);
constexpr std::size_t log_head_bytes = 4096;
constexpr std::size_t annexes_bytes = 4 * aggregator::annex_bytes;

std::string name_of_process() {
    return shm::process_segment_name(fuzz::name_space(), fuzz::fuzzed_pid, fuzz::fuzzed_nonce);
}
std::string name_of_table() {
    return shm::table_segment_name(fuzz::name_space(), fuzz::fuzzed_pid, fuzz::fuzzed_nonce);
}
std::string name_of_ledger() { return shm::ledger_segment_name(fuzz::name_space(), geteuid()); }

std::vector<std::byte> content_of(const std::string& name) {
    std::vector<std::byte> result(std::filesystem::file_size(shm::path_of(name)));
    const int fd = open(shm::path_of(name).c_str(), O_RDONLY | O_CLOEXEC);
    if (pread(fd, result.data(), result.size(), 0) != static_cast<ssize_t>(result.size())) std::abort();
    close(fd);
    return result;
}

void publish_process(const fuzz::ShmFile& file) {
    fuzz::fill_header(file);
    for (std::uint64_t i = 0; i < 8; ++i) {
        const auto kind = i < 7 ? shm::EventKind::allocation : shm::EventKind::allocation_failure;
        shm::Event event{kind, static_cast<std::uint8_t>(i % 2), static_cast<std::uint16_t>(i % 3), 1, i / 2, 100 + i};
        shm::store_slot(file.at<shm::Slot>(shm::slots_offset + i * sizeof(shm::Slot)), i, shm::pack_what(event), event.id,
                        event.size);
    }
    file.at<shm::LaneHeader>(shm::lanes_offset).write_position = 8;
    file.at<shm::ProcessHeader>(0).tickets = 8;
}

// What an aggregator leaves that served one process with seven buffers and a failed allocation and was then killed.
struct Left {
    std::vector<std::byte> ledger;
    std::vector<std::byte> table;
};

const Left& left() {
    static const Left result = [] {
        fuzz::ShmFile file(process_bytes);
        publish_process(file);
        file.lock(shm::liveness_byte);
        file.publish_as(name_of_process());
        fuzz::serve_as_successor();
        return Left{content_of(name_of_ledger()), content_of(name_of_table())};
    }();
    return result;
}

void patch_something(fuzz::Input& input, const fuzz::ShmFile& ledger, const fuzz::ShmFile& table) {
    switch (input.take<std::uint8_t>() % 7) {
        case 0: return input.patch(ledger.data(), sizeof(aggregator::LedgerHeader));
        case 1: return input.patch(ledger.data(), ledger_head_bytes);
        case 2: return input.patch(ledger.data() + aggregator::log_offset, log_head_bytes);
        case 3: return input.patch(table.data(), sizeof(aggregator::TableHeader));
        case 4: return input.patch(table.data() + aggregator::usage_offset, 16 * sizeof(aggregator::UsageCell));
        case 5: return input.patch(ledger.data() + aggregator::annexes_offset, annexes_bytes);
        default:
            return input.patch(table.data() + aggregator::first_area_offset,
                               table.bytes() - aggregator::first_area_offset);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Left& honest = left();
    fuzz::Input input(data, size);
    const auto flags = input.take<std::uint8_t>();
    {
        fuzz::ShmFile ledger(honest.ledger.size());
        std::copy_n(honest.ledger.begin(), aggregator::memories_offset + 64 * sizeof(aggregator::MemoryAccount),
                    ledger.data());
        std::copy_n(honest.ledger.begin() + aggregator::log_offset, log_head_bytes,
                    ledger.data() + aggregator::log_offset);
        std::copy_n(honest.ledger.begin() + aggregator::annexes_offset, annexes_bytes,
                    ledger.data() + aggregator::annexes_offset);
        ledger.publish_as(name_of_ledger());
        fuzz::ShmFile table(honest.table.size());
        std::copy(honest.table.begin(), honest.table.end(), table.data());
        table.publish_as(name_of_table());
        if ((flags & 4) != 0) ledger.at<aggregator::LedgerHeader>(0).log_state = 1;
        while (!input.is_empty()) patch_something(input, ledger, table);
    }
    std::optional<fuzz::ShmFile> process;
    if ((flags & 3) != 0) {
        process.emplace(process_bytes);
        publish_process(*process);
        // Frees and allocations that meet the entries in the table.
        for (std::uint64_t i = 0; i < 8; ++i) {
            const auto kind = i < 5   ? shm::EventKind::free_by_id
                              : i < 7 ? shm::EventKind::allocation
                                      : shm::EventKind::allocation_failure;
            const shm::Event event{kind, 0, 1, 1, i / 2, 7};
            shm::store_slot(process->at<shm::Slot>(shm::slots_offset + (8 + i) * sizeof(shm::Slot)), 8 + i,
                            shm::pack_what(event), event.id, event.size);
        }
        process->at<shm::LaneHeader>(shm::lanes_offset).write_position = 16;
        process->at<shm::LaneHeader>(shm::lanes_offset).read_position = 8;
        process->at<shm::ProcessHeader>(0).tickets = 16;
        if ((flags & 1) != 0) process->lock(shm::liveness_byte);
        process->publish_as(name_of_process());
    } else {
        unlink(shm::path_of(name_of_process()).c_str());
    }
    fuzz::serve_as_successor();
    return 0;
}
