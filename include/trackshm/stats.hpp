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
//     trackshm::stats::Details details;  // the past, the peaks, the failures: what takes more room and changes less often
//     if (reader->read_details(details, error)) use(details.devices);
#pragma once

#include <cstddef>
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
    // Most bytes live at once in the last 15 and 60 seconds, whole ones, and in the one that is under way. Exact per event
    // in application order, as peak_bytes is.
    std::uint64_t peak_15s_bytes = 0;
    std::uint64_t peak_60s_bytes = 0;
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
    bool called_exec = false;   // what was tracked ended as another program took its place
    bool exact = true;
    std::uint64_t end_unix_ns = 0;
    std::uint64_t leaked_bytes = 0;
    std::uint64_t leaked_buffers = 0;
    std::uint64_t peak_bytes = 0;
};

struct ExitedTotals {  // over all processes that ever ended, also those that have gone from Snapshot::exited
    std::uint64_t processes = 0;
    std::uint64_t leaked_bytes = 0;
    std::uint64_t leaked_buffers = 0;
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
    ExitedTotals exited_totals;
};

// --- details --------------------------------------------------------------------------------------------------------
//
// Published on their own, at most about ten times a second and only when something changed: they may be a tenth of a
// second older than a snapshot. All but the samples of one Details belong to one publication.

// A point of a device's past: what was so at `time_unix_ns`, and the peak since the sample before. Rates are differences
// of two samples' totals by that of their times. An aggregator that was not there took no samples: two neighbours further
// apart than twice the usual distance are a gap, not a line; the peak of the first one after it covers all of the gap's
// events that were applied later.
struct Sample {
    std::uint64_t time_unix_ns = 0;
    std::uint64_t live_bytes = 0;
    std::uint64_t peak_bytes = 0;  // most live at once since the sample before, exact per event; at least live_bytes
    std::uint64_t allocations_total = 0;
    std::uint64_t allocated_bytes_total = 0;
    std::uint64_t deallocations_total = 0;
};

inline constexpr std::size_t max_second_samples = 600;     // ten minutes
inline constexpr std::size_t max_ten_second_samples = 720;  // two hours

// What one process held in one memory of a device when the device's use was at its highest.
struct PeakHolder {
    std::int32_t pid = 0;  // as Process::pid
    std::string comm;
    std::uint8_t type = 0;
    std::uint64_t bytes = 0;  // gauge included; never 0
    bool ended = false;       // the process is gone since
};

inline constexpr std::size_t max_peak_holders = 32;

// Who held what when Device::peak_bytes was reached (the first time it stood so high):
//     sum of holders[].bytes + rest_bytes = bytes
struct AtPeak {
    std::uint64_t time_unix_ns = 0;  // of the batch of events that reached it: some milliseconds at most from the event
    std::uint64_t bytes = 0;
    bool exact = true;                // Device::peak_exact: with coalesced events the true peak may have been higher
    std::vector<PeakHolder> holders;  // largest first, at most max_peak_holders
    std::uint64_t rest_bytes = 0;     // smaller shares, and those of processes whose records are gone
};

struct LargeBuffer {
    std::uint64_t id = 0;
    std::uint64_t size_bytes = 0;
    std::uint8_t type = 0;
    std::int32_t pid = 0;
    std::string comm;
    std::uint64_t age_ns = 0;  // when the list was made; in whole seconds
};

inline constexpr std::size_t max_large_buffers = 10;

// The last allocation failure that was reported for a device, and what was in its way.
struct AllocationFailure {
    std::uint64_t time_unix_ns = 0;  // when it was applied
    std::uint64_t size_bytes = 0;    // that were asked for
    std::uint8_t type = 0;
    std::int32_t pid = 0;            // who asked
    std::string comm;
    std::uint64_t count = 0;         // failures of the device so far, this one included

    // The device's largest live buffers, of all processes, largest first, at most max_large_buffers; as of
    // largest_time_unix_ns, 0 while there is no list yet. As a rule that is right after the failure, before the process's
    // next report. In a storm of failures a list is made about once a second: it is an earlier one's then, or comes later.
    std::vector<LargeBuffer> largest;
    std::uint64_t largest_time_unix_ns = 0;
    // 0: all as of one moment. Else the tables were large and looked through in parts, over so long: what lived throughout
    // is in it in its place, what came or went meanwhile may be.
    std::uint64_t largest_gathering_ns = 0;
};

// Buffers of more than le_bytes / 2 and at most le_bytes bytes (the first class: of 0 and 1 byte, the last one: of any
// larger size).
struct SizeClass {
    std::uint64_t le_bytes = 0;         // a power of two
    std::uint64_t allocated_total = 0;  // over the whole history, ended processes included
    std::uint64_t live = 0;
};

struct TypeDetails {
    std::uint8_t type = 0;
    // Ascending, without classes that nothing was ever allocated in. live adds up to TypeCounters::live_buffers;
    // allocated_total to allocations_total, less pairs that cancelled out while coalescing: their sizes are not known.
    std::vector<SizeClass> size_histogram;
};

struct DeviceDetails {
    std::uint32_t device = 0;
    std::vector<Sample> seconds;      // oldest first, about one second apart, at most max_second_samples
    std::vector<Sample> ten_seconds;  // oldest first, about ten seconds apart, at most max_ten_second_samples
    std::optional<AtPeak> at_peak;    // none while nothing was ever live
    std::optional<AllocationFailure> last_failure;
    std::vector<TypeDetails> types;   // ascending by type
};

struct TRACKSHM_API Details {
    std::uint64_t publish_seq = 0;    // of the details alone; 0 while there was no publication yet
    std::uint64_t publish_age_ns = 0; // may be large: nothing changed
    std::uint64_t rows_omitted = 0;   // holders, buffers and size classes there was no room for in /dev/shm
    std::vector<DeviceDetails> devices;  // ascending by id

    const DeviceDetails* find(std::uint32_t device) const noexcept;  // null if there is none
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

    // Copies the details: some hundred KiB for each device with two hours of history. False as above.
    bool read_details(Details& details, Error& error);

    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();

private:
    struct Mapping;
    explicit Reader(std::unique_ptr<Mapping> mapping) noexcept;
    std::unique_ptr<Mapping> mapping_;
};

}  // namespace trackshm::stats
