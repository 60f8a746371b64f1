// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: an arbitrary stats segment, for a reader.
//
//   input: flags, then patches of the headers and rows. Flag 1: the header is put right before it is opened, 2: a thread
//   flips bytes meanwhile, of the header or, with 32, of the rows, with 64 of the details, with 128 of the history; 4, 8
//   and 16 together: counts of rows may be as large as they like, also those that the thread flips, which is slow.
#include <optional>
#include <utility>
#include <trackshm/stats.hpp>
#include <unistd.h>

#include "fuzz/input.hpp"
#include "fuzz/shm_file.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/record_lock.hpp"
#include "shm/details_abi.hpp"

using namespace trackshm;

namespace {

const fuzz::ShmFile& stats_file() {
    static fuzz::ShmFile* const file = [] {
        auto* made = new fuzz::ShmFile(shm::stats_segment_bytes);
        made->lock(shm::aggregator_byte);
        made->publish_as(shm::stats_segment_name(fuzz::name_space(), geteuid()));
        return made;
    }();
    return *file;
}

void put_header_right(const fuzz::ShmFile& file) {
    auto& header = file.at<shm::StatsHeader>(0);
    header.magic = shm::stats_magic;
    header.layout = shm::layout_version;
    header.uid = geteuid();
    header.segment_bytes = shm::stats_segment_bytes;
    header.block_bytes = shm::block_bytes;
    header.boot_id = shm::boot_id();
}

void patch_something(fuzz::Input& input, const fuzz::ShmFile& file) {
    const auto what = input.take<std::uint8_t>();
    std::byte* const block = file.data() + shm::first_block_offset + (what & 1) * shm::block_bytes;
    std::byte* const details = file.data() + shm::first_details_offset + (what & 1) * shm::details_block_bytes;
    switch (what / 2 % 16) {
        case 0: return input.patch(file.data(), sizeof(shm::StatsHeader));
        case 1: return input.patch(block, sizeof(shm::BlockHeader));
        case 2: return input.patch(block + shm::device_rows_offset, 4 * sizeof(shm::DeviceRow));
        case 3: return input.patch(block + shm::type_rows_offset, 4 * sizeof(shm::TypeRow));
        case 4: return input.patch(block + shm::process_rows_offset, 4 * sizeof(shm::ProcessRow));
        case 5: return input.patch(block + shm::exited_rows_offset, 4 * sizeof(shm::ExitedRow));
        case 6: return input.patch(block + shm::usage_rows_offset, 4 * sizeof(shm::UsageRow));
        case 7: return input.patch(details, sizeof(shm::DetailsHeader));
        case 8: return input.patch(details + shm::details_rows_offset, 4 * sizeof(shm::DetailsRow));
        case 9: return input.patch(details + shm::holder_rows_offset, 4 * sizeof(shm::HolderRow));
        case 10: return input.patch(details + shm::buffer_rows_offset, 4 * sizeof(shm::BufferRow));
        case 11: return input.patch(details + shm::class_rows_offset, 8 * sizeof(shm::ClassRow));
        case 12: return input.patch(file.data() + shm::history_headers_offset, 4 * sizeof(shm::HistoryHeader));
        case 13: return input.patch(file.data() + shm::history_offset, 2 * shm::history_bytes);
        default: return input.patch(file.data(), shm::stats_segment_bytes);
    }
}

// No block of its is being written: a reader tries again for a second before it believes that.
void put_at_rest(const fuzz::ShmFile& file) {
    auto& header = file.at<shm::StatsHeader>(0);
    header.writing = header.generation.load();
    header.details_writing = header.details_generation.load();
}

bool has_large_counts(std::uint8_t flags) { return (flags & 28) == 28; }

void keep_small(const fuzz::ShmFile& file) {
    for (std::size_t i = 0; i < 2; ++i) {
        auto& header = file.at<shm::BlockHeader>(shm::first_block_offset + i * shm::block_bytes);
        for (std::uint32_t* count : {&header.devices, &header.types, &header.processes, &header.exited}) *count %= 8;
        header.usage_rows %= 8;
        auto& details = file.at<shm::DetailsHeader>(shm::first_details_offset + i * shm::details_block_bytes);
        for (std::uint32_t* count : {&details.devices, &details.holders, &details.buffers, &details.classes}) *count %= 8;
    }
}

std::pair<std::size_t, std::size_t> range_to_flip(std::uint8_t flags) {
    if (has_large_counts(flags)) return {0, shm::first_block_offset + 4096};
    if ((flags & 64) != 0) return {shm::first_details_offset, shm::first_details_offset + 4096};
    if ((flags & 128) != 0) return {shm::history_headers_offset, shm::history_headers_offset + 4096};
    if ((flags & 32) == 0) return {0, shm::first_block_offset};
    const std::size_t rows = shm::first_block_offset + sizeof(shm::BlockHeader);
    return {rows, rows + 4096};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::ShmFile& file = stats_file();
    fuzz::Input input(data, size);
    const auto flags = input.take<std::uint8_t>();
    while (!input.is_empty()) patch_something(input, file);
    if ((flags & 1) != 0) put_header_right(file);
    if (!has_large_counts(flags)) keep_small(file);
    put_at_rest(file);
    std::optional<fuzz::Mutator> mutator;
    const auto [begin, end] = range_to_flip(flags);
    if ((flags & 2) != 0) mutator.emplace(file, begin, end, size, [&file] { put_at_rest(file); });
    stats::Error error;
    if (auto reader = stats::Reader::open(fuzz::name_space(), error)) {
        stats::Snapshot snapshot;
        reader->read(snapshot, error);
        for (const stats::Device& device : snapshot.devices) static_cast<void>(device.capacity_bytes());
        stats::Details details;
        reader->read_details(details, error);
        for (const stats::DeviceDetails& device : details.devices) static_cast<void>(details.find(device.device));
    }
    mutator.reset();
    keep_small(file);
    return 0;
}
