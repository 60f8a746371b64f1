// SPDX-License-Identifier: Apache-2.0
//
// Layout of what follows the counters in the stats segment (stats_abi.hpp): what takes more room or changes less often.
//
//   details block 0: DetailsHeader, DetailsRow[], HolderRow[], BufferRow[], ClassRow[]
//   details block 1: the same, with a generation of their own
//   HistoryHeader[256]       one for each device that has a history
//   history of device 0:     HistorySample[620], one a second; HistorySample[740], one in ten seconds
//   history of device 1, ... a ring each, see history_ring.hpp
//
// Every section but the history headers gets its storage when there is something to put there: three devices do not pay
// for 256.
#pragma once

#include <cstddef>
#include <cstdint>
#include <trackshm/stats.hpp>

#include "shm/history_ring.hpp"
#include "shm/stats_abi.hpp"

namespace trackshm::shm {

// Class k is of sizes above 2^(k-1) up to 2^k; 0 is of 0 and 1, and the last one of everything above.
inline constexpr std::uint32_t size_class_count = 48;
inline constexpr std::uint32_t size_class_of(std::uint64_t size_bytes) noexcept {
    if (size_bytes <= 1) return 0;
    const auto bits = static_cast<std::uint32_t>(64 - __builtin_clzll(size_bytes - 1));
    return bits < size_class_count ? bits : size_class_count - 1;
}
inline constexpr std::uint64_t size_class_limit(std::uint32_t size_class) noexcept {
    return std::uint64_t{1} << size_class;
}

struct DetailsHeader {
    std::uint64_t publish_seq;
    std::uint64_t publish_monotonic_ns;
    std::uint64_t rows_omitted;
    std::uint32_t devices;
    std::uint32_t holders;
    std::uint32_t buffers;
    std::uint32_t classes;
};

struct FailureRow {
    std::uint64_t count;  // of the device so far; 0: there was none, and the rest means nothing
    std::uint64_t unix_ns;
    std::uint64_t size_bytes;
    std::uint32_t type;
    std::int32_t pid;
    char comm[16];
    std::uint64_t list_unix_ns;       // 0: no list yet
    std::uint64_t list_gathering_ns;  // 0: at one moment
};

struct DetailsRow {
    std::uint32_t device;
    std::uint32_t peak_exact;
    std::uint64_t peak_unix_ns;
    std::uint64_t peak_bytes;
    std::uint64_t rest_bytes;
    std::uint32_t holders;  // this many of the HolderRow section, in order of devices
    std::uint32_t buffers;  // and of the BufferRow section
    FailureRow failure;
};

struct HolderRow {
    std::int32_t pid;
    std::uint16_t type;
    std::uint16_t ended;  // 0 or 1
    std::uint64_t bytes;
    char comm[16];
};

struct BufferRow {
    std::uint64_t id;
    std::uint64_t size_bytes;
    std::uint32_t type;
    std::int32_t pid;
    std::uint64_t age_ns;
    char comm[16];
};

struct ClassRow {
    std::uint32_t device;
    std::uint16_t type;
    std::uint16_t size_class;
    std::uint64_t allocated;
    std::uint64_t live;
};

inline constexpr std::uint32_t max_holder_rows = max_devices * static_cast<std::uint32_t>(stats::max_peak_holders);
inline constexpr std::uint32_t max_buffer_rows = max_devices * static_cast<std::uint32_t>(stats::max_large_buffers);
inline constexpr std::uint32_t max_class_rows = max_type_rows * size_class_count;

// Sections of a details block, as offsets from its start.
inline constexpr std::uint64_t details_rows_offset = sizeof(DetailsHeader);
inline constexpr std::uint64_t holder_rows_offset =
    round_to_page(details_rows_offset + max_devices * sizeof(DetailsRow));
inline constexpr std::uint64_t buffer_rows_offset =
    round_to_page(holder_rows_offset + max_holder_rows * sizeof(HolderRow));
inline constexpr std::uint64_t class_rows_offset =
    round_to_page(buffer_rows_offset + max_buffer_rows * sizeof(BufferRow));
inline constexpr std::uint64_t details_block_bytes =
    round_to_page(class_rows_offset + std::uint64_t{max_class_rows} * sizeof(ClassRow));

struct HistorySample {
    std::uint64_t monotonic_ns;  // the same clock for every aggregator of this boot; readers turn it into the time of day
    std::uint64_t live_bytes;
    std::uint64_t peak_bytes;    // since the sample before
    std::uint64_t allocations;
    std::uint64_t allocated_bytes;
    std::uint64_t deallocations;
};

// Rings hold some more than readers are shown, so that one written while they read is none of those.
inline constexpr std::uint64_t second_samples = 620;
inline constexpr std::uint64_t ten_second_samples = 740;

struct HistoryHeader {
    Word device_and_one;  // 0: unused. Stored after the storage of the rings is there
    HistoryPositions seconds;
    HistoryPositions ten_seconds;
    Word unused;
};

inline constexpr std::uint64_t ten_second_samples_offset = second_samples * sizeof(HistorySample);
inline constexpr std::uint64_t history_bytes =
    round_to_page(ten_second_samples_offset + ten_second_samples * sizeof(HistorySample));

inline constexpr std::uint64_t first_details_offset = first_block_offset + 2 * block_bytes;
inline constexpr std::uint64_t history_headers_offset = first_details_offset + 2 * details_block_bytes;
inline constexpr std::uint64_t history_offset =
    round_to_page(history_headers_offset + max_devices * sizeof(HistoryHeader));
inline constexpr std::uint64_t stats_segment_bytes = history_offset + max_devices * history_bytes;

static_assert(sizeof(DetailsHeader) % 8 == 0 && sizeof(DetailsRow) % 8 == 0 && sizeof(HolderRow) % 8 == 0 &&
                  sizeof(BufferRow) % 8 == 0 && sizeof(ClassRow) % 8 == 0 && sizeof(HistorySample) % 8 == 0,
              "rows are copied as 64-bit words");
static_assert(sizeof(HistoryHeader) == 64, "one line each");
static_assert(second_samples > stats::max_second_samples && ten_second_samples > stats::max_ten_second_samples);

}  // namespace trackshm::shm
