// SPDX-License-Identifier: Apache-2.0
#include "recording/frame.hpp"

#include <zlib.h>

#include <cstddef>
#include <cstring>

#include "recording/snapshot_codec.hpp"

namespace trackshm::tools {
namespace {

const Bytef* bytes_of(const void* data) { return static_cast<const Bytef*>(data); }

}  // namespace

std::uint32_t frame_crc(const FrameHeader& header, const char* stored) noexcept {
    const uLong crc = crc32(0, bytes_of(&header), offsetof(FrameHeader, crc32));
    return static_cast<std::uint32_t>(crc32(crc, bytes_of(stored), header.stored_bytes));
}

std::string make_frame_bytes(const stats::Snapshot& snapshot, const stats::Details& details) {
    const std::string raw = encode_snapshot(snapshot, details);
    if (raw.size() > max_frame_bytes) return {};
    uLongf stored_bytes = compressBound(static_cast<uLong>(raw.size()));
    std::string frame(sizeof(FrameHeader) + stored_bytes, '\0');
    char* stored = frame.data() + sizeof(FrameHeader);
    // Cannot fail but for want of memory: the bound is zlib's own.
    if (compress(static_cast<Bytef*>(static_cast<void*>(stored)), &stored_bytes, bytes_of(raw.data()),
                 static_cast<uLong>(raw.size())) != Z_OK) {
        return {};
    }
    frame.resize(sizeof(FrameHeader) + stored_bytes);
    FrameHeader header;
    header.stored_bytes = static_cast<std::uint32_t>(stored_bytes);
    header.raw_bytes = static_cast<std::uint32_t>(raw.size());
    header.time_unix_ns = snapshot.time_unix_ns;
    header.crc32 = frame_crc(header, stored);
    std::memcpy(frame.data(), &header, sizeof header);
    return frame;
}

bool read_frame_bytes(const FrameHeader& header, std::string_view stored, stats::Snapshot& snapshot,
                      stats::Details& details) {
    if (header.raw_bytes > max_frame_bytes) return false;
    std::string raw(header.raw_bytes, '\0');
    uLongf raw_bytes = header.raw_bytes;
    const int result = uncompress(static_cast<Bytef*>(static_cast<void*>(raw.data())), &raw_bytes,
                                  bytes_of(stored.data()), static_cast<uLong>(stored.size()));
    return result == Z_OK && raw_bytes == header.raw_bytes && decode_snapshot(raw, snapshot, details);
}

}  // namespace trackshm::tools
