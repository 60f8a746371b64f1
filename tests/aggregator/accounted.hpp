// SPDX-License-Identifier: Apache-2.0
//
// A ledger and processes as the aggregator holds them, without processes: events are given to the accounting by hand.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/accounting.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"

namespace trackshm::aggregator {

inline std::string unique_namespace() { return "u" + std::to_string(shm::random_nonce() % 1'000'000'000); }

class Accounted {
public:
    Accounted() {
        const std::string name_space = unique_namespace();
        REQUIRE(ledger_.open(name_space, geteuid()) == "");
        Ledger::forget(name_space, geteuid());  // the mapping stays
    }

    Ledger& ledger() { return ledger_; }

    std::unique_ptr<TrackedProcess> make_process(std::int32_t pid) {
        shm::Segment segment;
        const std::uint64_t bytes = shm::process_segment_bytes(shm::min_slots_per_lane);
        REQUIRE(segment.create(temporary_name(), bytes, shm::slots_offset) == shm::SegmentStatus::ok);
        segment.unlink();
        shm::Segment table;
        REQUIRE(Table::create(table, temporary_name()) == shm::SegmentStatus::ok);
        table.unlink();
        table.at<TableHeader>(0)->pid = pid;
        auto process = std::make_unique<TrackedProcess>(std::move(segment), shm::min_slots_per_lane, std::move(table),
                                                        ledger_.log());
        REQUIRE(process->table().attach() == shm::SegmentStatus::ok);
        REQUIRE(process->reserve_usage());
        process->index_usage(ledger_);
        return process;
    }

    void apply(TrackedProcess& process, const std::vector<shm::Event>& events) {
        begin(process, events);
        ledger_.log().commit();
    }

    // As after a batch that failed half-way.
    void apply_and_roll_back(TrackedProcess& process, const std::vector<shm::Event>& events) {
        begin(process, events);
        ledger_.log().roll_back([&](LogTarget target, std::uint64_t offset, const std::byte* bytes,
                                    std::uint32_t count) {
            process.restore(target == LogTarget::ledger ? ledger_.base() : nullptr, offset, bytes, count);
            return true;
        });
        ledger_.reload();
        process.index_usage(ledger_);
    }

    void end(TrackedProcess& process, const ReportedCounters& counters = {}) {
        ledger_.log().begin(0, 0);
        process.save_header();
        accounting_.fold(process, counters, 0);
        ledger_.log().commit();
    }

private:
    static std::string temporary_name() { return shm::temporary_segment_name("t", getpid(), shm::random_nonce()); }

    void begin(TrackedProcess& process, const std::vector<shm::Event>& events) {
        const auto batch = std::make_unique<Batch>();
        std::copy(events.begin(), events.end(), batch->storage.begin());
        batch->slots = events.size();
        for (const shm::Event& event : events) batch->reports += event.reports();
        REQUIRE(process.table().make_room(events.size()));
        ledger_.log().begin(0, 0);
        process.save_header();
        REQUIRE(accounting_.apply(process, *batch, {1, ++time_}));
    }

    Ledger ledger_;
    Accounting accounting_{ledger_};
    std::uint64_t time_ = 0;
};

inline shm::Event allocation(std::uint16_t device, std::uint8_t type, std::uint64_t size, std::uint64_t id) {
    return {shm::EventKind::allocation, type, device, 1, id, size};
}
inline shm::Event free_by_id(std::uint64_t id) { return {shm::EventKind::free_by_id, 0, 0, 1, id, 0}; }
inline shm::Event free_all(std::uint64_t id) { return {shm::EventKind::free_all, 0, 0, 1, id, 0}; }
inline shm::Event gauge(std::uint16_t device, std::uint8_t type, std::uint64_t bytes) {
    return {shm::EventKind::usage, type, device, 1, 0, bytes};
}
inline shm::Event closed(std::uint16_t device) { return {shm::EventKind::device_closed, 0, device, 1, 0, 0}; }

}  // namespace trackshm::aggregator
