// SPDX-License-Identifier: Apache-2.0
//
// A change to any list of members changes the format: raise recording_version.
#include "recording/snapshot_codec.hpp"

#include "recording/byte_archive.hpp"
#include "shm/details_abi.hpp"
#include "shm/names.hpp"
#include "shm/stats_abi.hpp"

namespace trackshm::tools {
namespace {

template <class Archive, class... Values>
void all(Archive& archive, Values&... values) {
    (archive.value(values), ...);
}

constexpr auto each_value = [](auto& archive, auto& value) { archive.value(value); };

// The members of every struct, in the order in which they are stored, and how many rows of each there can be.
struct Members {
    std::size_t usage_rows_left = shm::max_usage_rows;  // of all processes together

    template <class Archive>
    void operator()(Archive& archive, stats::TypeCounters& memory) const {
        all(archive, memory.type, memory.live_bytes, memory.live_buffers, memory.gauge_bytes, memory.peak_bytes);
        archive.optional(memory.capacity_bytes, each_value);
        all(archive, memory.allocations_total, memory.allocated_bytes_total, memory.deallocations_total,
            memory.deallocated_bytes_total, memory.allocation_failures_total);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::Device& device) const {
        all(archive, device.device, device.name, device.peak_exact, device.peak_bytes, device.peak_15s_bytes,
            device.peak_60s_bytes);
        archive.rows(device.types, shm::type_count, *this);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::Usage& usage) const {
        all(archive, usage.device, usage.type, usage.live_bytes, usage.live_buffers, usage.peak_bytes);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::Events& events) const {
        all(archive, events.reported, events.applied, events.pending, events.coalesced, events.dropped,
            events.unknown_frees, events.ambiguous_frees, events.implicit_frees, events.rejected);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::Process& process) {
        all(archive, process.pid, process.own_pid, process.uid, process.comm, process.exact, process.quarantined,
            process.starved, process.peak_exact, process.live_bytes, process.live_buffers, process.peak_bytes);
        (*this)(archive, process.events);
        archive.rows(process.usage, usage_rows_left, *this);
        usage_rows_left -= process.usage.size();
    }

    template <class Archive>
    void operator()(Archive& archive, stats::Exited& ended) const {
        all(archive, ended.pid, ended.uid, ended.comm, ended.clean, ended.called_exec, ended.exact, ended.end_unix_ns,
            ended.leaked_bytes, ended.leaked_buffers, ended.peak_bytes);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::Snapshot& snapshot) {
        all(archive, snapshot.name_space, snapshot.time_unix_ns, snapshot.aggregator_pid, snapshot.aggregator_alive,
            snapshot.exact, snapshot.publish_seq, snapshot.publish_age_ns, snapshot.heartbeat_age_ns, snapshot.start_count,
            snapshot.quarantined_processes, snapshot.waiting_processes, snapshot.usage_rows_omitted);
        (*this)(archive, snapshot.events);
        archive.rows(snapshot.devices, shm::max_devices, *this);
        archive.rows(snapshot.processes, shm::max_processes, *this);
        archive.rows(snapshot.exited, shm::max_exited, *this);
        all(archive, snapshot.exited_totals.processes, snapshot.exited_totals.leaked_bytes,
            snapshot.exited_totals.leaked_buffers);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::PeakHolder& holder) const {
        all(archive, holder.pid, holder.comm, holder.type, holder.bytes, holder.ended);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::AtPeak& peak) const {
        all(archive, peak.time_unix_ns, peak.bytes, peak.exact);
        archive.rows(peak.holders, stats::max_peak_holders, *this);
        archive.value(peak.rest_bytes);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::LargeBuffer& buffer) const {
        all(archive, buffer.id, buffer.size_bytes, buffer.type, buffer.pid, buffer.comm, buffer.age_ns);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::AllocationFailure& failure) const {
        all(archive, failure.time_unix_ns, failure.size_bytes, failure.type, failure.pid, failure.comm, failure.count);
        archive.rows(failure.largest, stats::max_large_buffers, *this);
        all(archive, failure.largest_time_unix_ns, failure.largest_gathering_ns);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::SizeClass& size_class) const {
        all(archive, size_class.le_bytes, size_class.allocated_total, size_class.live);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::TypeDetails& memory) const {
        archive.value(memory.type);
        archive.rows(memory.size_histogram, shm::size_class_count, *this);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::DeviceDetails& device) const {
        archive.value(device.device);
        archive.optional(device.at_peak, *this);
        archive.optional(device.last_failure, *this);
        archive.rows(device.types, shm::type_count, *this);
    }

    template <class Archive>
    void operator()(Archive& archive, stats::Details& details) const {
        all(archive, details.publish_seq, details.publish_age_ns, details.rows_omitted);
        archive.rows(details.devices, shm::max_devices, *this);
    }
};

}  // namespace

std::string encode_snapshot(const stats::Snapshot& snapshot, const stats::Details& details) {
    ByteWriter writer;
    // The writer changes nothing; the lists of members serve the reader, too, which does.
    Members{}(writer, const_cast<stats::Snapshot&>(snapshot));
    Members{}(writer, const_cast<stats::Details&>(details));
    return writer.take();
}

bool decode_snapshot(std::string_view bytes, stats::Snapshot& snapshot, stats::Details& details) {
    ByteReader reader(bytes);
    Members{}(reader, snapshot);
    Members{}(reader, details);
    for (stats::DeviceDetails& device : details.devices) {
        device.seconds.clear();
        device.ten_seconds.clear();
    }
    // A recording may come from anybody, and this name is shown as it is.
    if (reader.is_done() && shm::is_valid_namespace(snapshot.name_space)) return true;
    snapshot = {};
    details = {};
    return false;
}

}  // namespace trackshm::tools
