// SPDX-License-Identifier: Apache-2.0
#include <trackshm/stats.hpp>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>

#include "shm/details_abi.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/record_lock.hpp"
#include "shm/segment.hpp"
#include "shm/stats_mapping.hpp"

namespace trackshm::stats {

using namespace trackshm::shm;

namespace {

constexpr std::array<std::string_view, type_count> type_names = {
    "DRAM",   "L1",     "SYSTEM_MEMORY", "L1_SMALL", "TRACE",   "CIRCULAR_BUFFER", "KERNEL",  "HOST",
    "TYPE_8", "TYPE_9", "TYPE_10",       "TYPE_11",  "TYPE_12", "TYPE_13",         "TYPE_14", "TYPE_15"};

// A private copy of one block: the counts first, then as many rows as they say.
struct Block {
    BlockHeader header{};
    std::vector<DeviceRow> devices;
    std::vector<TypeRow> types;
    std::vector<ProcessRow> processes;
    std::vector<ExitedRow> exited;
    std::vector<UsageRow> usage;

    void copy_from(const std::byte* block) {
        load_words(&header, words_at(block), sizeof header);
        copy_rows(devices, block + device_rows_offset, header.devices, max_devices);
        copy_rows(types, block + type_rows_offset, header.types, max_type_rows);
        copy_rows(processes, block + process_rows_offset, header.processes, max_processes);
        copy_rows(exited, block + exited_rows_offset, header.exited, max_exited);
        copy_rows(usage, block + usage_rows_offset, header.usage_rows, max_usage_rows);
    }
};

Events events_of(const EventCounters& counters) {
    return {counters.reported,      counters.applied,         counters.pending,        counters.coalesced, counters.dropped,
            counters.unknown_frees, counters.ambiguous_frees, counters.implicit_frees, counters.rejected};
}

TypeCounters counters_of(const TypeRow& row) {
    TypeCounters counters;
    counters.type = static_cast<std::uint8_t>(row.type);
    counters.live_bytes = row.live_bytes;
    counters.live_buffers = row.allocations - row.deallocations;
    counters.gauge_bytes = row.gauge_bytes;
    counters.peak_bytes = row.peak_bytes;
    if (row.capacity_bytes != unknown_capacity) counters.capacity_bytes = row.capacity_bytes;
    counters.allocations_total = row.allocations;
    counters.allocated_bytes_total = row.allocated_bytes;
    counters.deallocations_total = row.deallocations;
    counters.deallocated_bytes_total = row.deallocated_bytes;
    counters.allocation_failures_total = row.allocation_failures;
    return counters;
}

void fill_devices(Snapshot& snapshot, const Block& block) {
    for (const DeviceRow& row : block.devices) {
        Device device;
        device.device = row.device;
        device.name = text_of(row.name);
        if (device.name.empty() && row.device == host_device) device.name = "host";
        device.peak_exact = row.peak_exact != 0;
        device.peak_bytes = row.peak_bytes;
        device.peak_15s_bytes = row.peak_15s_bytes;
        device.peak_60s_bytes = row.peak_60s_bytes;
        for (const TypeRow& type : block.types) {
            const bool fits = device.types.size() < type_count;  // whatever the segment says
            if (type.device == row.device && fits) device.types.push_back(counters_of(type));
        }
        snapshot.devices.push_back(std::move(device));
    }
}

void fill_processes(Snapshot& snapshot, const Block& block) {
    std::size_t next_usage = 0;
    for (const ProcessRow& row : block.processes) {
        Process process;
        process.pid = row.pid;
        process.own_pid = row.own_pid;
        process.uid = row.uid;
        process.comm = text_of(row.comm);
        process.exact = (row.flags & process_exact) != 0;
        process.peak_exact = (row.flags & process_peak_exact) != 0;
        process.quarantined = (row.flags & process_quarantined) != 0;
        process.starved = (row.flags & process_starved) != 0;
        process.live_bytes = row.live_bytes;
        process.live_buffers = row.live_buffers;
        process.peak_bytes = row.peak_bytes;
        process.events = events_of(row.events);
        for (std::uint64_t i = 0; i < row.usage_rows && next_usage < block.usage.size(); ++i, ++next_usage) {
            const UsageRow& usage = block.usage[next_usage];
            process.usage.push_back({usage.device, static_cast<std::uint8_t>(usage.type), usage.live_bytes,
                                     usage.live_buffers, usage.peak_bytes});
        }
        snapshot.processes.push_back(std::move(process));
    }
    std::sort(snapshot.processes.begin(), snapshot.processes.end(),
              [](const Process& a, const Process& b) { return a.pid < b.pid; });
}

void fill_exited(Snapshot& snapshot, const Block& block) {
    for (const ExitedRow& row : block.exited) {
        Exited exited;
        exited.pid = row.pid;
        exited.uid = row.uid;
        exited.comm = text_of(row.comm);
        exited.clean = (row.flags & process_clean) != 0;
        exited.called_exec = (row.flags & process_execed) != 0;
        exited.exact = (row.flags & process_exact) != 0;
        exited.end_unix_ns = row.end_unix_ns;
        exited.leaked_bytes = row.leaked_bytes;
        exited.leaked_buffers = row.leaked_buffers;
        exited.peak_bytes = row.peak_bytes;
        snapshot.exited.push_back(std::move(exited));
    }
    const shm::ExitedTotals& totals = block.header.exited_totals;
    snapshot.exited_totals = {totals.processes, totals.leaked_bytes, totals.leaked_buffers};
}

Error no_aggregator(std::string_view name_space, std::string_view detail) {
    std::string message = "no aggregator serves namespace '";
    message.append(name_space).append("'").append(detail);
    message.append("; start one with: shm_aggregator --namespace ").append(name_space);
    return {ErrorKind::no_aggregator, message};
}

bool is_trustworthy(const Segment& segment, std::uint32_t uid) {
    struct stat info {};
    return segment.owner_uid() == uid && fstat(segment.fd(), &info) == 0 && (info.st_mode & 022) == 0;
}

// Opens and checks the stats segment of one user. error.kind says how far it came.
Segment open_stats(std::string_view name_space, std::uint32_t uid, Error& error) {
    const std::string name = stats_segment_name(name_space, uid);
    Segment segment;
    error = {};
    switch (segment.open(name, bip::read_only, sizeof(StatsHeader), stats_segment_bytes)) {
        case SegmentStatus::ok: break;
        case SegmentStatus::absent: error = no_aggregator(name_space, ""); return segment;
        case SegmentStatus::permission_denied:
            error = {ErrorKind::permission_denied, "no permission to read " + path_of(name) +
                                                       "; run as its owner, or start the aggregator with --mode 0644"};
            return segment;
        case SegmentStatus::unsuitable:
            error = {ErrorKind::incompatible, path_of(name) + " is no stats segment; remove it or use --namespace"};
            return segment;
        default: error = {ErrorKind::system, "cannot open " + path_of(name) + ": " + std::strerror(errno)}; return segment;
    }
    const auto* header = segment.at<const StatsHeader>(0);
    if (!is_trustworthy(segment, uid)) {
        error = {ErrorKind::permission_denied, path_of(name) + " does not belong to the user in its name, or others " +
                                                   "may write to it; not trusted, remove it"};
    } else if (header->magic.load(std::memory_order_acquire) != stats_magic || header->layout != layout_version) {
        error = {ErrorKind::incompatible, path_of(name) + " has layout version " + std::to_string(header->layout) +
                                              ", this program reads version " + std::to_string(layout_version) +
                                              "; use the tools of the same release as the aggregator"};
    } else if (segment.bytes() < stats_segment_bytes) {
        error = {ErrorKind::incompatible, path_of(name) + " is shorter than its layout; restart the aggregator"};
    } else if (!lock_holder(segment.fd(), aggregator_byte)) {
        error = no_aggregator(name_space, " (the last one, pid " +
                                              std::to_string(header->aggregator_pid.load(std::memory_order_relaxed)) +
                                              ", is gone)");
    }
    return segment;
}

}  // namespace

int Error::exit_code() const noexcept {
    switch (kind) {
        case ErrorKind::none: return 0;
        case ErrorKind::bad_namespace: return 2;
        case ErrorKind::no_aggregator: return 3;
        case ErrorKind::permission_denied: return 4;
        case ErrorKind::incompatible: return 5;
        case ErrorKind::system: break;
    }
    return 1;
}

#define TRACKSHM_SUM(member)                                     \
    std::uint64_t sum = 0;                                       \
    for (const TypeCounters& type : types) sum += type.member;   \
    return sum

std::uint64_t Device::live_bytes() const noexcept { TRACKSHM_SUM(live_bytes); }
std::uint64_t Device::live_buffers() const noexcept { TRACKSHM_SUM(live_buffers); }
std::uint64_t Device::allocations_total() const noexcept { TRACKSHM_SUM(allocations_total); }
std::uint64_t Device::allocated_bytes_total() const noexcept { TRACKSHM_SUM(allocated_bytes_total); }
std::uint64_t Device::deallocations_total() const noexcept { TRACKSHM_SUM(deallocations_total); }
std::uint64_t Device::deallocated_bytes_total() const noexcept { TRACKSHM_SUM(deallocated_bytes_total); }
std::uint64_t Device::allocation_failures_total() const noexcept { TRACKSHM_SUM(allocation_failures_total); }

#undef TRACKSHM_SUM

std::optional<std::uint64_t> Device::capacity_bytes() const noexcept {
    std::optional<std::uint64_t> sum;
    for (const TypeCounters& type : types) {
        if (type.capacity_bytes) sum = sum.value_or(0) + *type.capacity_bytes;
    }
    return sum;
}

std::string_view type_name(std::uint8_t type) noexcept { return type < type_count ? type_names[type] : "?"; }

std::optional<std::uint8_t> parse_type(std::string_view name) noexcept {
    const auto same_letter = [](char a, char b) {
        return std::toupper(static_cast<unsigned char>(a)) == std::toupper(static_cast<unsigned char>(b));
    };
    for (std::uint8_t type = 0; type < type_count; ++type) {
        if (std::equal(name.begin(), name.end(), type_names[type].begin(), type_names[type].end(), same_letter)) {
            return type;
        }
    }
    std::uint8_t type = 0;
    const auto result = std::from_chars(name.data(), name.data() + name.size(), type);
    const bool whole = !name.empty() && result.ec == std::errc{} && result.ptr == name.data() + name.size();
    return whole && type < type_count ? std::optional{type} : std::nullopt;
}

Reader::Reader(std::unique_ptr<Mapping> mapping) noexcept : mapping_(std::move(mapping)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

std::optional<Reader> Reader::open(std::string_view name_space, Error& error) {
    if (!is_valid_namespace(name_space)) {
        error = {ErrorKind::bad_namespace, "namespace '" + std::string(name_space) +
                                               "' is not 1 to 32 letters, digits, '_' or '-'"};
        return std::nullopt;
    }
    Segment segment = open_stats(name_space, geteuid(), error);
    if (error.kind != ErrorKind::none && geteuid() != 0) {
        Error roots_error;
        Segment roots = open_stats(name_space, 0, roots_error);
        // A file that somebody else put in the place of our own must not hide root's counters.
        const bool roots_tells_more =
            error.kind == ErrorKind::no_aggregator && roots_error.kind != ErrorKind::no_aggregator;
        if (roots_error.kind == ErrorKind::none || roots_tells_more) {
            segment = std::move(roots);
            error = roots_error;
        }
    }
    if (error.kind != ErrorKind::none) return std::nullopt;
    auto mapping = std::make_unique<Mapping>();
    mapping->segment = std::move(segment);
    mapping->name_space = name_space;
    return Reader(std::move(mapping));
}

bool Reader::read(Snapshot& snapshot, Error& error) {
    const Segment& segment = mapping_->segment;
    const auto* header = segment.at<const StatsHeader>(0);
    Block block;
    const auto copy = [&](std::size_t index) {
        block.copy_from(segment.data() + first_block_offset + index * block_bytes);
    };
    if (!read_block(header->generation, header->writing, copy, error)) return false;

    const std::uint64_t now_ns = monotonic_ns();
    snapshot = Snapshot{};
    snapshot.name_space = mapping_->name_space;
    snapshot.time_unix_ns = unix_ns();
    snapshot.aggregator_pid = header->aggregator_pid.load(std::memory_order_relaxed);
    snapshot.aggregator_alive = lock_holder(segment.fd(), aggregator_byte).has_value();
    snapshot.exact = block.header.exact != 0;
    snapshot.publish_seq = block.header.publish_seq;
    snapshot.publish_age_ns = age_of(now_ns, block.header.publish_monotonic_ns);
    snapshot.heartbeat_age_ns = age_of(now_ns, header->heartbeat_monotonic_ns.load(std::memory_order_acquire));
    snapshot.start_count = header->start_count.load(std::memory_order_relaxed);
    snapshot.quarantined_processes = block.header.quarantined_processes;
    snapshot.waiting_processes = block.header.waiting_processes;
    snapshot.usage_rows_omitted = block.header.usage_rows_omitted;
    snapshot.events = events_of(block.header.events);
    fill_devices(snapshot, block);
    fill_processes(snapshot, block);
    fill_exited(snapshot, block);
    return true;
}

}  // namespace trackshm::stats
