// SPDX-License-Identifier: Apache-2.0
#include "segments/table_scan.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "aggregator/table_abi.hpp"
#include "common/read_at.hpp"
#include "segments/inventory.hpp"
#include "shm/os.hpp"

namespace trackshm::tools {
namespace {

using aggregator::AreaDescriptor;
using aggregator::Cell;
using aggregator::TableHeader;

using Visit = std::function<bool(const LiveBuffer&)>;

constexpr int attempts = 5;
constexpr std::size_t cells_per_read = 32 * 1024;

bool read_header(int fd, TableHeader& header) {
    return read_at(fd, &header, sizeof header, 0) && header.magic == aggregator::table_magic &&
           header.layout == shm::layout_version;
}

// What moves whenever a buffer does.
bool is_same_moment(const TableHeader& a, const TableHeader& b) {
    return a.applied == b.applied && a.slots_applied == b.slots_applied && a.next_sequence == b.next_sequence &&
           a.current == b.current && a.growing == b.growing && a.frontier == b.frontier &&
           a.closed_devices == b.closed_devices && a.state == b.state;
}

// Entries of a closed device are dead before they are removed.
bool is_closed(const TableHeader& header, const Cell& cell) {
    const auto* end = header.closed + std::min(header.closed_devices, shm::max_devices);
    return std::any_of(header.closed, end, [&](const auto& closed) {
        return closed.device == cell.device && cell.sequence < closed.before_sequence;
    });
}

// While entries move to a larger area each is in one of the two, as the frontier tells: what is copied beyond it, or was
// left behind it, says nothing.
bool is_in_its_area(const TableHeader& header, bool is_current, const Cell& cell) {
    if (header.growing == 0) return true;
    const aggregator::CellHash hash(header.hash_seed);
    const std::uint64_t home = hash.home_of(hash(cell.id), header.areas[header.current & 1].homes);
    return (home >= header.frontier) == is_current;
}

// False: the visitor has seen enough.
bool show(const TableHeader& header, bool is_current, const Cell& cell, std::uint64_t now_s, const Visit& visit) {
    if (!cell.taken() || !is_in_its_area(header, is_current, cell) || cell.type() >= shm::type_count || is_closed(header, cell)) return true;
    const std::uint64_t age_s = now_s > cell.born_seconds ? now_s - cell.born_seconds : 0;
    return visit({cell.id, cell.size(), cell.sequence, cell.device, cell.type(), age_s * 1'000'000'000});
}

void scan_area(int fd, const TableHeader& header, bool is_current, const Visit& visit) {
    const AreaDescriptor& area = header.areas[is_current ? header.current & 1 : 1 - (header.current & 1)];
    struct stat info {};
    if (fstat(fd, &info) != 0) return;
    const auto file_bytes = static_cast<std::uint64_t>(info.st_size);
    // The descriptor may be half-written: never past the file.
    if (area.file_offset > file_bytes) return;
    std::uint64_t left = std::min(area.homes + area.slack, (file_bytes - area.file_offset) / sizeof(Cell));
    std::uint64_t offset = area.file_offset;
    const std::uint64_t now_s = shm::monotonic_ns() / 1'000'000'000;
    std::vector<Cell> cells(cells_per_read);
    while (left > 0) {
        // Skips what was never touched or was given back.
        const off_t data = lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
        if (data < 0) return;
        const std::uint64_t skipped = (static_cast<std::uint64_t>(data) - offset) / sizeof(Cell);
        if (skipped >= left) return;
        left -= skipped;
        offset += skipped * sizeof(Cell);
        const std::size_t count = std::min<std::uint64_t>(left, cells.size());
        if (!read_at(fd, cells.data(), count * sizeof(Cell), offset)) return;
        for (std::size_t i = 0; i < count; ++i) {
            if (!show(header, is_current, cells[i], now_s, visit)) return;
        }
        left -= count;
        offset += count * sizeof(Cell);
    }
}

// An entry that moved between two looks is in both.
void keep_one_of_each(std::vector<LiveBuffer>& buffers) {
    std::sort(buffers.begin(), buffers.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
    buffers.erase(std::unique(buffers.begin(), buffers.end(),
                              [](const auto& a, const auto& b) { return a.sequence == b.sequence; }),
                  buffers.end());
}

// One pass over the areas. `header` is the newest one afterwards; whether nothing changed meanwhile.
bool pass(int fd, TableHeader& header, const Visit& visit) {
    const TableHeader before = header;
    scan_area(fd, before, true, visit);
    if (before.growing != 0) scan_area(fd, before, false, visit);
    return read_header(fd, header) && is_same_moment(before, header);
}

// Whose table it is. False if there is nothing to go through.
bool open_table(const FileDescriptor& fd, TableHeader& header, TableScan& scan) {
    if (!fd.is_open() || !read_header(fd.get(), header)) return false;
    scan.readable = true;
    scan.pid = header.pid;
    scan.uid = header.uid;
    scan.comm.assign(header.comm, strnlen(header.comm, sizeof header.comm));
    // The process ended: what it held is released.
    scan.consistent = header.state == static_cast<std::uint32_t>(aggregator::TableState::folded);
    return !scan.consistent;
}

}  // namespace

TableScan scan_table(const std::string& file) {
    TableScan scan;
    TableHeader header;
    const FileDescriptor fd = open_segment(file, false);
    if (!open_table(fd, header, scan)) return scan;
    for (int i = 0; i < attempts && !scan.consistent; ++i) {
        scan.buffers.clear();
        scan.consistent = pass(fd.get(), header, [&](const LiveBuffer& buffer) {
            scan.buffers.push_back(buffer);
            return true;
        });
    }
    keep_one_of_each(scan.buffers);
    return scan;
}

TableScan visit_table(const std::string& file, const std::function<bool(const TableScan&, const LiveBuffer&)>& visit) {
    TableScan scan;
    TableHeader header;
    const FileDescriptor fd = open_segment(file, false);
    if (!open_table(fd, header, scan)) return scan;
    scan.consistent = pass(fd.get(), header, [&](const LiveBuffer& buffer) { return visit(scan, buffer); });
    return scan;
}

}  // namespace trackshm::tools
