// SPDX-License-Identifier: Apache-2.0
//
// Read-only snapshots of the counters an aggregator publishes. Maps the stats segment with PROT_READ alone; reading
// costs the aggregator nothing and never waits for it.
//
//     trackshm::stats::Error error;
//     auto reader = trackshm::stats::Reader::open("default", error);
//     if (!reader) { fprintf(stderr, "%s\n", error.message.c_str()); return error.exit_code(); }
//     trackshm::stats::Snapshot snapshot;
//     if (reader->read(snapshot, error)) use(snapshot.devices);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <trackshm/trackshm.hpp>

namespace trackshm::stats {

// Why a namespace cannot be read. exit_code() is what the tools exit with.
enum class ErrorKind { none, bad_namespace, no_aggregator, permission_denied, incompatible, system };

struct TRACKSHM_API Error {
    ErrorKind kind = ErrorKind::none;
    std::string message;  // one line, says what is wrong and what to do

    int exit_code() const noexcept;
};

struct TypeCounters {
    std::uint8_t type = 0;
    std::uint64_t live_bytes = 0;  // gauges included
    std::uint64_t live_buffers = 0;
    std::uint64_t gauge_bytes = 0;
    std::uint64_t peak_bytes = 0;
    std::optional<std::uint64_t> capacity_bytes;
    std::uint64_t allocations_total = 0;
    std::uint64_t allocated_bytes_total = 0;
    std::uint64_t deallocations_total = 0;
    std::uint64_t deallocated_bytes_total = 0;
    std::uint64_t allocation_failures_total = 0;
};

struct TRACKSHM_API Device {
    std::uint32_t device = 0;
    std::string name;
    bool peak_exact = true;
    std::uint64_t peak_bytes = 0;
    std::vector<TypeCounters> types;  // ascending by type

    // Sums over the types.
    std::uint64_t live_bytes() const noexcept;
    std::uint64_t live_buffers() const noexcept;
    std::uint64_t allocations_total() const noexcept;
    std::uint64_t allocated_bytes_total() const noexcept;
    std::uint64_t deallocations_total() const noexcept;
    std::uint64_t deallocated_bytes_total() const noexcept;
    std::uint64_t allocation_failures_total() const noexcept;
    std::optional<std::uint64_t> capacity_bytes() const noexcept;  // sum of the described memories, if any
};

struct Usage {  // what one process holds in one memory of one device
    std::uint32_t device = 0;
    std::uint8_t type = 0;
    std::uint64_t live_bytes = 0;  // gauge included
    std::uint64_t live_buffers = 0;
    std::uint64_t peak_bytes = 0;
};

struct Events {  // reported = applied + pending + coalesced + dropped
    std::uint64_t reported = 0;
    std::uint64_t applied = 0;
    std::uint64_t pending = 0;
    std::uint64_t coalesced = 0;
    std::uint64_t dropped = 0;
    std::uint64_t unknown_frees = 0;
    std::uint64_t ambiguous_frees = 0;
    std::uint64_t implicit_frees = 0;
    std::uint64_t rejected = 0;
};

struct Process {
    std::int32_t pid = 0;       // in the aggregator's pid namespace; 0 where it cannot be seen from there
    std::int32_t own_pid = 0;   // as the process sees itself
    std::uint32_t uid = 0;
    std::string comm;
    bool exact = true;
    bool quarantined = false;   // its segment is corrupt: its figures are frozen
    bool starved = false;       // no room in /dev/shm for its buffer table: its events wait
    bool peak_exact = true;
    std::uint64_t live_bytes = 0;
    std::uint64_t live_buffers = 0;
    std::uint64_t peak_bytes = 0;
    Events events;
    std::vector<Usage> usage;   // ascending by (device, type)
};

struct Exited {
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
    std::string comm;
    bool clean = false;         // it returned from main or called exit()
    bool exact = true;
    std::uint64_t end_unix_ns = 0;
    std::uint64_t leaked_bytes = 0;
    std::uint64_t leaked_buffers = 0;
    std::uint64_t peak_bytes = 0;
};

struct Snapshot {
    std::string name_space;
    std::uint64_t time_unix_ns = 0;     // when this snapshot was read
    std::int32_t aggregator_pid = 0;
    bool aggregator_alive = false;
    bool exact = true;                  // every process is, and none waits to be tracked
    std::uint64_t publish_seq = 0;
    std::uint64_t publish_age_ns = 0;
    std::uint64_t heartbeat_age_ns = 0; // grows when the aggregator is stopped
    std::uint64_t start_count = 0;
    std::uint64_t quarantined_processes = 0;
    std::uint64_t waiting_processes = 0; // found, but there is no room to track them: see the aggregator's stderr
    std::uint64_t usage_rows_omitted = 0;
    Events events;                      // over the whole history, ended processes included
    std::vector<Device> devices;        // ascending by id
    std::vector<Process> processes;     // ascending by pid
    std::vector<Exited> exited;         // newest first
};

// "DRAM", "L1", ..., "TYPE_8" ... "TYPE_15"; parse_type takes these without regard to case and plain numbers 0..15.
TRACKSHM_API std::string_view type_name(std::uint8_t type) noexcept;
TRACKSHM_API std::optional<std::uint8_t> parse_type(std::string_view name) noexcept;

// One mapped stats segment. Movable; not for concurrent use by several threads.
class TRACKSHM_API Reader {
public:
    // Opens this user's stats segment of the namespace if its aggregator is alive, else root's. Without an
    // aggregator it fails with ErrorKind::no_aggregator.
    static std::optional<Reader> open(std::string_view name_space, Error& error);

    // Copies one consistent snapshot: all its figures belong to the same publication. False with `error` set when
    // the segment turned unreadable. A dead aggregator is no error here: see Snapshot::aggregator_alive.
    bool read(Snapshot& snapshot, Error& error);

    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();

private:
    struct Mapping;
    explicit Reader(std::unique_ptr<Mapping> mapping) noexcept;
    std::unique_ptr<Mapping> mapping_;
};

}  // namespace trackshm::stats
