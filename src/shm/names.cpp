// SPDX-License-Identifier: Apache-2.0
#include "shm/names.hpp"

#include <algorithm>
#include <charconv>

namespace trackshm::shm {
namespace {

constexpr std::string_view prefix = "trackshm.";

std::string hex(std::uint64_t value) {
    char text[16];
    const auto end = std::to_chars(text, text + sizeof text, value, 16).ptr;
    return {text, end};
}

std::string name_of(std::string_view name_space, std::string_view rest) {
    std::string name{prefix};
    name.append(name_space).append(".").append(rest);
    return name;
}

std::string name_of_pid(std::string_view name_space, std::string_view letter, std::int32_t pid, std::uint64_t nonce) {
    std::string rest{letter};
    rest.append(".").append(std::to_string(pid)).append(".").append(hex(nonce));
    return name_of(name_space, rest);
}

template <class Number>
bool parse_number(std::string_view text, Number& number, int base) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return !text.empty() && result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

// Takes the text up to the next dot off the front.
std::string_view next_part(std::string_view& text) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    text = dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
    return part;
}

}  // namespace

bool is_valid_namespace(std::string_view name) noexcept {
    const auto allowed = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), allowed);
}

std::string process_segment_name(std::string_view name_space, std::int32_t pid, std::uint64_t nonce) {
    return name_of_pid(name_space, "p", pid, nonce);
}
std::string table_segment_name(std::string_view name_space, std::int32_t pid, std::uint64_t nonce) {
    return name_of_pid(name_space, "l", pid, nonce);
}
std::string temporary_segment_name(std::string_view name_space, std::int32_t pid, std::uint64_t nonce) {
    return name_of_pid(name_space, "tmp", pid, nonce);
}
std::string ledger_segment_name(std::string_view name_space, std::uint32_t uid) {
    return name_of(name_space, "ledger." + std::to_string(uid));
}
std::string stats_segment_name(std::string_view name_space, std::uint32_t uid) {
    return name_of(name_space, "stats." + std::to_string(uid));
}

namespace {

std::string text_of(const SegmentName& name) {
    switch (name.kind) {
        case SegmentKind::process: return process_segment_name(name.name_space, name.pid, name.nonce);
        case SegmentKind::table: return table_segment_name(name.name_space, name.pid, name.nonce);
        case SegmentKind::temporary: return temporary_segment_name(name.name_space, name.pid, name.nonce);
        case SegmentKind::ledger: return ledger_segment_name(name.name_space, name.uid);
        case SegmentKind::stats: break;
    }
    return stats_segment_name(name.name_space, name.uid);
}

std::optional<SegmentName> parse_parts(std::string_view file) {
    if (!file.starts_with(prefix)) return std::nullopt;
    file.remove_prefix(prefix.size());
    SegmentName name;
    name.name_space = next_part(file);
    if (!is_valid_namespace(name.name_space)) return std::nullopt;

    const std::string_view what = next_part(file);
    if (what == "ledger" || what == "stats") {
        name.kind = what == "ledger" ? SegmentKind::ledger : SegmentKind::stats;
        if (!parse_number(file, name.uid, 10)) return std::nullopt;
        return name;
    }
    if (what == "p") {
        name.kind = SegmentKind::process;
    } else if (what == "l") {
        name.kind = SegmentKind::table;
    } else if (what == "tmp") {
        name.kind = SegmentKind::temporary;
    } else {
        return std::nullopt;
    }
    const std::string_view pid = next_part(file);
    if (!parse_number(pid, name.pid, 10) || !parse_number(file, name.nonce, 16)) return std::nullopt;
    return name;
}

}  // namespace

// "007" and "A" are other names of 7 and "a": somebody's own file must not be taken for another's.
std::optional<SegmentName> parse_segment_name(std::string_view file) {
    auto name = parse_parts(file);
    if (name && text_of(*name) != file) return std::nullopt;
    return name;
}

std::string path_of(std::string_view segment_name) {
    std::string path{shm_directory};
    path.append("/").append(segment_name);
    return path;
}

}  // namespace trackshm::shm
