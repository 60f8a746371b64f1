// SPDX-License-Identifier: Apache-2.0
//
// Names of segments: trackshm.<namespace>.<what>, no leading slash. A namespace has no dot, so names parse back uniquely.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trackshm::shm {

inline constexpr std::string_view default_namespace = "default";
inline constexpr std::string_view shm_directory = "/dev/shm";

enum class SegmentKind { process, table, ledger, stats, temporary };

struct SegmentName {
    SegmentKind kind{};
    std::string name_space;
    std::int32_t pid = 0;      // process, table, temporary
    std::uint64_t nonce = 0;   // process, table, temporary
    std::uint32_t uid = 0;     // ledger, stats
};

bool is_valid_namespace(std::string_view name) noexcept;

std::string process_segment_name(std::string_view name_space, std::int32_t pid, std::uint64_t nonce);
std::string table_segment_name(std::string_view name_space, std::int32_t pid, std::uint64_t nonce);
std::string ledger_segment_name(std::string_view name_space, std::uint32_t uid);
std::string stats_segment_name(std::string_view name_space, std::uint32_t uid);
// A segment under construction; renamed once it is complete.
std::string temporary_segment_name(std::string_view name_space, std::int32_t pid, std::uint64_t nonce);

// Nothing if `file` is not the name of a segment of ours.
std::optional<SegmentName> parse_segment_name(std::string_view file);

std::string path_of(std::string_view segment_name);

}  // namespace trackshm::shm
