// SPDX-License-Identifier: Apache-2.0
#include "segments/inventory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <tuple>
#include <utility>

#include "aggregator/ledger_abi.hpp"
#include "aggregator/table_abi.hpp"
#include "common/read_at.hpp"
#include "shm/file_mapping.hpp"
#include "shm/os.hpp"
#include "shm/process_abi.hpp"
#include "shm/record_lock.hpp"
#include "shm/stats_abi.hpp"

namespace trackshm::tools {
namespace {

using shm::SegmentKind;

// The words every segment of every release starts with.
struct Preamble {
    std::uint64_t magic;
    std::uint32_t layout;
};

bool has_layout(int fd, std::uint64_t magic) {
    Preamble preamble{};
    return read_at(fd, &preamble, sizeof preamble, 0) && preamble.magic == magic &&
           preamble.layout == shm::layout_version;
}

std::string comm_text(const char (&comm)[16]) { return {comm, strnlen(comm, sizeof comm)}; }

// False only if there is certainly no such process: somebody else's (EPERM) is alive.
bool pid_exists(std::int32_t pid) { return pid > 0 && (kill(pid, 0) == 0 || errno != ESRCH); }

// Dead, and kept by the kernel until its parent asks how it ended.
bool is_zombie(std::int32_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    const std::size_t end_of_name = stat.rfind(')');
    return end_of_name != std::string::npos && stat.compare(end_of_name, 3, ") Z") == 0;
}

std::string impairment_text(const shm::ProcessHeader& header) {
    switch (static_cast<shm::Impairment>(header.impairment.load(std::memory_order_relaxed))) {
        case shm::Impairment::no_lane_storage: return "no room for more rings";
        case shm::Impairment::coalescing_limit: return "events dropped past the coalescing limit";
        case shm::Impairment::none: break;
    }
    return header.coalescing.load(std::memory_order_relaxed) != 0 ? "coalescing" : "";
}

void examine_process(SegmentInfo& info, int fd) {
    const auto holder = shm::lock_holder(fd, shm::liveness_byte);
    info.pid = info.name.pid;
    if (!has_layout(fd, shm::process_magic)) {
        info.state = SegmentState::foreign_layout;
        info.owner_alive = holder.has_value() || pid_exists(info.pid);
        return;
    }
    shm::ProcessHeader header;
    if (!read_at(fd, static_cast<void*>(&header), sizeof header, 0)) return;
    info.comm = comm_text(header.comm);
    info.note = impairment_text(header);
    if (holder) {
        info.state = SegmentState::live;
        if (holder->pid > 0) info.pid = holder->pid;
        return;
    }
    info.state = SegmentState::ended;
    // A process that called exec dropped the lock: its tracking is over, but it is still there under the same pid. One that
    // closed all its descriptors goes on. In another pid namespace its number tells nothing: does anybody map the segment?
    const bool is_in_ours = header.pid_namespace == 0 || header.pid_namespace == shm::own_pid_namespace();
    info.owner_alive = header.boot_id == shm::boot_id() &&
                       (is_in_ours ? shm::start_ticks(header.pid) == header.start_ticks && !is_zombie(header.pid)
                                   : shm::find_mapper(info.device, info.inode) != 0);
    if (info.owner_alive) info.note = "gave up its lock: exec, or closed";
}

void examine_table(SegmentInfo& info, int fd) {
    aggregator::TableHeader header;
    info.pid = info.name.pid;
    if (!has_layout(fd, aggregator::table_magic) || !read_at(fd, &header, sizeof header, 0)) {
        info.state = SegmentState::foreign_layout;
        return;
    }
    info.state = SegmentState::stale;  // until an aggregator turns up
    if (header.pid > 0) info.pid = header.pid;
    info.comm = comm_text(header.comm);
    if (header.state == static_cast<std::uint32_t>(aggregator::TableState::folded)) info.note = "accounted for";
    if (header.state == static_cast<std::uint32_t>(aggregator::TableState::quarantined)) info.note = "quarantined";
    if ((header.flags & shm::process_starved) != 0) info.note = "no room for it to grow: events wait";
}

void examine_stats(SegmentInfo& info, int fd) {
    info.owner_alive = shm::lock_holder(fd, shm::aggregator_byte).has_value();
    info.state = info.owner_alive ? SegmentState::live : SegmentState::stale;
    if (!has_layout(fd, shm::stats_magic)) {
        info.state = SegmentState::foreign_layout;
        return;
    }
    shm::StatsHeader header;
    if (read_at(fd, static_cast<void*>(&header), sizeof header, 0)) {
        info.pid = header.aggregator_pid.load(std::memory_order_relaxed);
    }
}

void examine(SegmentInfo& info) {
    if (info.is(SegmentKind::temporary)) {
        info.state = SegmentState::temporary;
        info.pid = info.name.pid;
        info.owner_alive = pid_exists(info.pid);
        if (!info.owner_alive) info.note = "left over";
        return;
    }
    const FileDescriptor fd = open_segment(info.file, false);
    if (!fd.is_open()) return;
    switch (info.name.kind) {
        case SegmentKind::process: examine_process(info, fd.get()); break;
        case SegmentKind::table: examine_table(info, fd.get()); break;
        case SegmentKind::stats: examine_stats(info, fd.get()); break;
        case SegmentKind::ledger:
            info.state = has_layout(fd.get(), aggregator::ledger_magic) ? SegmentState::stale
                                                                        : SegmentState::foreign_layout;
            break;
        case SegmentKind::temporary: break;
    }
}

std::optional<SegmentInfo> look_at(const char* file, const std::string& name_space) {
    auto name = shm::parse_segment_name(file);
    struct stat info {};
    if (!name || name->name_space != name_space) return std::nullopt;
    if (lstat(shm::path_of(file).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
    SegmentInfo segment;
    segment.file = file;
    segment.name = std::move(*name);
    segment.uid = info.st_uid;
    segment.device = info.st_dev;
    segment.inode = info.st_ino;
    segment.size_bytes = static_cast<std::uint64_t>(info.st_size);
    segment.storage_bytes = static_cast<std::uint64_t>(info.st_blocks) * 512;
    examine(segment);
    return segment;
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}
FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

FileDescriptor open_segment(const std::string& file, bool for_writing) {
    const int access = for_writing ? O_RDWR : O_RDONLY;
    return FileDescriptor(open(shm::path_of(file).c_str(), access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

std::string_view kind_text(SegmentKind kind) noexcept {
    switch (kind) {
        case SegmentKind::process: return "process";
        case SegmentKind::table: return "table";
        case SegmentKind::ledger: return "ledger";
        case SegmentKind::stats: return "stats";
        case SegmentKind::temporary: break;
    }
    return "temporary";
}

std::string_view state_text(SegmentState state) noexcept {
    switch (state) {
        case SegmentState::live: return "live";
        case SegmentState::ended: return "ended";
        case SegmentState::stale: return "stale";
        case SegmentState::temporary: return "temporary";
        case SegmentState::foreign_layout: return "foreign layout";
        case SegmentState::unreadable: break;
    }
    return "unreadable";
}

Inventory Inventory::of(const std::string& name_space) {
    Inventory inventory;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(std::string{shm::shm_directory}.c_str()), closedir);
    if (directory == nullptr) return inventory;
    while (const dirent* entry = readdir(directory.get())) {
        if (auto segment = look_at(entry->d_name, name_space)) inventory.segments_.push_back(std::move(*segment));
    }
    std::sort(inventory.segments_.begin(), inventory.segments_.end(), [](const auto& a, const auto& b) {
        return std::tie(a.name.kind, a.name.pid, a.file) < std::tie(b.name.kind, b.name.pid, b.file);
    });
    for (SegmentInfo& segment : inventory.segments_) {
        const bool is_state = segment.is(SegmentKind::table) || segment.is(SegmentKind::ledger);
        if (is_state) segment.owner_alive = inventory.is_aggregator_alive(segment.uid);
        if (is_state && segment.owner_alive && segment.state == SegmentState::stale) segment.state = SegmentState::live;
        if (!segment.is(SegmentKind::process)) continue;
        const SegmentInfo* table = inventory.find(SegmentKind::table, segment.name.pid, segment.name.nonce);
        if (table != nullptr && table->note == "quarantined") segment.note = table->note;
    }
    return inventory;
}

const SegmentInfo* Inventory::find(SegmentKind kind, std::uint32_t uid) const noexcept {
    const auto found = std::find_if(segments_.begin(), segments_.end(), [&](const SegmentInfo& segment) {
        return segment.is(kind) && segment.name.uid == uid && segment.uid == uid;
    });
    return found == segments_.end() ? nullptr : &*found;
}

const SegmentInfo* Inventory::find(SegmentKind kind, std::int32_t pid, std::uint64_t nonce) const noexcept {
    const auto found = std::find_if(segments_.begin(), segments_.end(), [&](const SegmentInfo& segment) {
        return segment.is(kind) && segment.name.pid == pid && segment.name.nonce == nonce;
    });
    return found == segments_.end() ? nullptr : &*found;
}

bool Inventory::has(SegmentKind kind) const noexcept {
    return std::any_of(segments_.begin(), segments_.end(), [kind](const auto& segment) { return segment.is(kind); });
}

bool Inventory::has(SegmentState state) const noexcept {
    return std::any_of(segments_.begin(), segments_.end(), [state](const auto& segment) { return segment.state == state; });
}

bool Inventory::is_aggregator_alive(std::uint32_t uid) const noexcept {
    const SegmentInfo* stats = find(SegmentKind::stats, uid);
    return stats != nullptr && stats->owner_alive;
}

}  // namespace trackshm::tools
