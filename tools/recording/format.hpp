// SPDX-License-Identifier: Apache-2.0
//
// A recording is a header and frames, one after another; numbers are little-endian.
//
//     +----------+---------+----------+   +------------------------------------------------+----------------+
//     | magic  8 | version | reserved |   | FrameHeader: stored, raw size, time, CRC of all| stored bytes   | ...
//     |          |    4    |    4     |   |                                                | zlib(snapshot) |
//     +----------+---------+----------+   +------------------------------------------------+----------------+
//
// Frames are only ever appended, each with one write. Whoever dies in the middle leaves a frame that is cut or whose CRC
// is wrong: readers stop before it, and the next recorder cuts it off.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

namespace trackshm::tools {

inline constexpr std::array<char, 8> recording_magic = {'T', 'R', 'K', 'S', 'H', 'M', 'R', 'C'};

// Raised with every change to the format, the members in snapshot_codec.cpp included.
inline constexpr std::uint32_t recording_version = 3;

// Of a frame as it was before compression. A snapshot with every row there can be is some 3 MiB.
inline constexpr std::uint32_t max_frame_bytes = 16U << 20;

struct RecordingHeader {
    std::array<char, 8> magic = recording_magic;
    std::uint32_t version = recording_version;
    std::uint32_t reserved = 0;
};

struct FrameHeader {
    std::uint32_t stored_bytes = 0;  // that follow
    std::uint32_t raw_bytes = 0;     // of them when decompressed
    std::uint64_t time_unix_ns = 0;  // the snapshot's: to find a moment without decompressing
    std::uint32_t crc32 = 0;         // of the fields above and the stored bytes
    std::uint32_t reserved = 0;
};

static_assert(sizeof(RecordingHeader) == 16 && std::is_trivially_copyable_v<RecordingHeader>);
static_assert(sizeof(FrameHeader) == 24 && std::is_trivially_copyable_v<FrameHeader>);
static_assert(std::endian::native == std::endian::little, "the structs are written as they lie in memory");

// zlib's crc32 over a frame: what its header's field must be.
std::uint32_t frame_crc(const FrameHeader& header, const char* stored) noexcept;

}  // namespace trackshm::tools
