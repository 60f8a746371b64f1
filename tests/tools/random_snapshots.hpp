// SPDX-License-Identifier: Apache-2.0
//
// Snapshots with anything in them: every member from its smallest to its largest value, names of any bytes but for the
// namespace's.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <trackshm/stats.hpp>

namespace trackshm::tools {

class RandomSnapshots {
public:
    explicit RandomSnapshots(std::uint64_t seed) : random_(seed) {}

    stats::Snapshot snapshot() {
        stats::Snapshot s;
        s.name_space = name_space();
        fill(s.time_unix_ns, s.aggregator_pid, s.aggregator_alive, s.exact, s.publish_seq, s.publish_age_ns,
             s.heartbeat_age_ns, s.start_count, s.quarantined_processes, s.waiting_processes, s.usage_rows_omitted);
        s.events = events();
        s.devices = rows<stats::Device>([&] { return device(); });
        s.processes = rows<stats::Process>([&] { return process(); });
        s.exited = rows<stats::Exited>([&] { return exited(); });
        fill(s.exited_totals.processes, s.exited_totals.leaked_bytes, s.exited_totals.leaked_buffers);
        return s;
    }

    // Without samples of the past, which recordings leave out.
    stats::Details details() {
        stats::Details d;
        fill(d.publish_seq, d.publish_age_ns, d.rows_omitted);
        d.devices = rows<stats::DeviceDetails>([&] { return device_details(); });
        return d;
    }

private:
    bool coin() { return random_() % 2 == 0; }

    template <class Number>
    void fill_one(Number& number) {
        switch (random_() % 4) {
            case 0: number = std::numeric_limits<Number>::min(); break;
            case 1: number = std::numeric_limits<Number>::max(); break;
            case 2: number = static_cast<Number>(random_() % 200); break;
            default: number = static_cast<Number>(random_()); break;
        }
    }
    void fill_one(bool& flag) { flag = coin(); }

    template <class... Numbers>
    void fill(Numbers&... numbers) {
        (fill_one(numbers), ...);
    }

    std::string text() {
        std::string result(random_() % 40, '\0');
        for (char& c : result) c = static_cast<char>(random_());
        return result;
    }

    std::string name_space() {
        constexpr std::string_view allowed = "azAZ09_-";
        std::string result(random_() % 32 + 1, '\0');
        for (char& c : result) c = allowed[random_() % allowed.size()];
        return result;
    }

    template <class Row, class Make>
    std::vector<Row> rows(Make&& make) {
        std::vector<Row> result(random_() % 5);
        for (Row& row : result) row = make();
        return result;
    }

    stats::Events events() {
        stats::Events e;
        fill(e.reported, e.applied, e.pending, e.coalesced, e.dropped, e.unknown_frees, e.ambiguous_frees,
             e.implicit_frees, e.rejected);
        return e;
    }

    stats::TypeCounters memory() {
        stats::TypeCounters m;
        fill(m.type, m.live_bytes, m.live_buffers, m.gauge_bytes, m.peak_bytes, m.allocations_total,
             m.allocated_bytes_total, m.deallocations_total, m.deallocated_bytes_total, m.allocation_failures_total);
        if (coin()) fill(m.capacity_bytes.emplace());
        return m;
    }

    stats::Device device() {
        stats::Device d;
        d.name = text();
        fill(d.device, d.peak_exact, d.peak_bytes, d.peak_15s_bytes, d.peak_60s_bytes);
        d.types = rows<stats::TypeCounters>([&] { return memory(); });
        return d;
    }

    stats::Usage usage() {
        stats::Usage u;
        fill(u.device, u.type, u.live_bytes, u.live_buffers, u.peak_bytes);
        return u;
    }

    stats::Process process() {
        stats::Process p;
        p.comm = text();
        fill(p.pid, p.own_pid, p.uid, p.exact, p.quarantined, p.starved, p.peak_exact, p.live_bytes, p.live_buffers,
             p.peak_bytes);
        p.events = events();
        p.usage = rows<stats::Usage>([&] { return usage(); });
        return p;
    }

    stats::Exited exited() {
        stats::Exited e;
        e.comm = text();
        fill(e.pid, e.uid, e.clean, e.called_exec, e.exact, e.end_unix_ns, e.leaked_bytes, e.leaked_buffers, e.peak_bytes);
        return e;
    }

    stats::DeviceDetails device_details() {
        stats::DeviceDetails d;
        fill(d.device);
        if (coin()) {
            stats::AtPeak& peak = d.at_peak.emplace();
            fill(peak.time_unix_ns, peak.bytes, peak.exact, peak.rest_bytes);
            peak.holders = rows<stats::PeakHolder>([&] {
                stats::PeakHolder holder;
                holder.comm = text();
                fill(holder.pid, holder.type, holder.bytes, holder.ended);
                return holder;
            });
        }
        if (coin()) {
            stats::AllocationFailure& failure = d.last_failure.emplace();
            failure.comm = text();
            fill(failure.time_unix_ns, failure.size_bytes, failure.type, failure.pid, failure.count,
                 failure.largest_time_unix_ns, failure.largest_gathering_ns);
            failure.largest = rows<stats::LargeBuffer>([&] {
                stats::LargeBuffer buffer;
                buffer.comm = text();
                fill(buffer.id, buffer.size_bytes, buffer.type, buffer.pid, buffer.age_ns);
                return buffer;
            });
        }
        d.types = rows<stats::TypeDetails>([&] {
            stats::TypeDetails memory;
            fill(memory.type);
            memory.size_histogram = rows<stats::SizeClass>([&] {
                stats::SizeClass size_class;
                fill(size_class.le_bytes, size_class.allocated_total, size_class.live);
                return size_class;
            });
            return memory;
        });
        return d;
    }

    std::mt19937_64 random_;
};

}  // namespace trackshm::tools
