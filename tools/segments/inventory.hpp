// SPDX-License-Identifier: Apache-2.0
//
// The segments of one namespace and who owns them. Files are read with pread and never mapped: one that is cut short
// while it is looked at must not kill the reader.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shm/names.hpp"

namespace trackshm::tools {

// An open descriptor, closed with its owner. -1: none.
class FileDescriptor {
public:
    explicit FileDescriptor(int fd = -1) noexcept : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept;
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    ~FileDescriptor();

    int get() const noexcept { return fd_; }
    bool is_open() const noexcept { return fd_ >= 0; }

private:
    int fd_;
};

// Opens a segment for reading, or for writing if locks are to be taken. errno says why it is not open.
FileDescriptor open_segment(const std::string& file, bool for_writing);

enum class SegmentState {
    live,            // its owner runs
    ended,           // a process segment whose process is gone
    stale,           // state of an aggregator that is not running
    temporary,       // under construction by a running process, or left over from a dead one
    foreign_layout,  // of another release, or none of ours
    unreadable,      // no permission
};

struct SegmentInfo {
    std::string file;
    shm::SegmentName name;
    std::uint32_t uid = 0;
    std::uint64_t device = 0;  // device and inode of the file
    std::uint64_t inode = 0;
    std::uint64_t size_bytes = 0;     // address space
    std::uint64_t storage_bytes = 0;  // memory it really takes
    SegmentState state = SegmentState::unreadable;
    std::int32_t pid = 0;             // of its owner; 0: unknown
    std::string comm;
    std::string note;                 // what else there is to say, in a few words
    bool owner_alive = true;          // false only if that is certain

    bool is(shm::SegmentKind kind) const noexcept { return name.kind == kind; }
};

std::string_view kind_text(shm::SegmentKind kind) noexcept;
std::string_view state_text(SegmentState state) noexcept;

class Inventory {
public:
    static Inventory of(const std::string& name_space);

    const std::vector<SegmentInfo>& segments() const noexcept { return segments_; }  // by kind and name

    // The segment of that kind that belongs to the user's aggregator, or to the process; null if there is none.
    const SegmentInfo* find(shm::SegmentKind kind, std::uint32_t uid) const noexcept;
    const SegmentInfo* find(shm::SegmentKind kind, std::int32_t pid, std::uint64_t nonce) const noexcept;

    bool has(shm::SegmentKind kind) const noexcept;
    bool has(SegmentState state) const noexcept;

    bool is_aggregator_alive(std::uint32_t uid) const noexcept;

private:
    std::vector<SegmentInfo> segments_;
};

}  // namespace trackshm::tools
