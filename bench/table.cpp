// SPDX-License-Identifier: Apache-2.0
//
// table: what the aggregator's buffer table costs per event, beside the maps one would take instead.
//
// Workload: N buffers live, then pairs of one free (of the oldest) and one allocation, with scattered ids that come
// again long after. The maps hold an id's device, type and size, find and erase it, insert another; nothing else. Ours
// does what the aggregator has it do: every cell it changes is saved to an undo log that is committed every 512 events,
// and the cells of events to come are fetched ahead, which it can do because events arrive in batches. One thread, no
// aggregator, no shared counters; pinned to the second core.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "aggregator/table.hpp"
#include "harness/experiment.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"
#include "workload.hpp"

#if TRACKSHM_BENCH_ABSL
#include <absl/container/flat_hash_map.h>
#endif

namespace trackshm::bench {
namespace {

constexpr std::uint64_t events_per_table_batch = 512;
constexpr std::uint64_t fetch_ahead = 12;  // as accounting.cpp

std::uint64_t id_of(std::uint64_t number) noexcept { return number * 0x9e3779b97f4a7c15 >> 12 << 12; }

struct Buffer {
    std::uint64_t size_bytes;
    std::uint32_t device;
    std::uint8_t type;
};

// Frees buffers from `oldest` on and allocates from `next` on, in turn.
template <class Map>
class MapUnderTest {
public:
    void preload(std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t n = from; n < to; ++n) map_.emplace(id_of(n), Buffer{n, 0, 0});
    }
    std::uint64_t churn(std::uint64_t oldest, std::uint64_t next, std::uint64_t pairs) {
        std::uint64_t found_bytes = 0;
        for (std::uint64_t i = 0; i < pairs; ++i) {
            const auto found = map_.find(id_of(oldest + i));
            found_bytes += found->second.size_bytes;
            map_.erase(found);
            map_.emplace(id_of(next + i), Buffer{next + i, 0, 0});
        }
        return found_bytes;
    }

private:
    Map map_;
};

class TableUnderTest {
public:
    TableUnderTest() : ledger_(map_ledger()), log_(ledger_) {
        const std::string name = shm::temporary_segment_name("bench", getpid(), shm::random_nonce());
        if (aggregator::Table::create(segment_, name) != shm::SegmentStatus::ok) {
            throw std::runtime_error("no room in /dev/shm for the table");
        }
        segment_.unlink();
        table_ = std::make_unique<aggregator::Table>(segment_, log_);
        table_->attach();
    }
    ~TableUnderTest() { munmap(ledger_, aggregator::ledger_segment_bytes); }
    TableUnderTest(const TableUnderTest&) = delete;
    TableUnderTest& operator=(const TableUnderTest&) = delete;

    void preload(std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t n = from; n < to;) {
            const std::uint64_t end = std::min(to, n + events_per_table_batch);
            open_batch(end - n);
            header().live_buffers += end - n;  // the accounting's part: what the table's growth goes by
            for (; n < end; ++n) table_->insert(id_of(n), 0, 0, n, 0);
            log_.commit();
        }
    }
    std::uint64_t churn(std::uint64_t oldest, std::uint64_t next, std::uint64_t pairs) {
        std::uint64_t found_bytes = 0;
        for (std::uint64_t i = 0; i < pairs;) {
            const std::uint64_t end = std::min(pairs, i + events_per_table_batch / 2);
            open_batch(end - i);
            for (; i < end; ++i) {
                if (i + fetch_ahead / 2 < end) {
                    table_->prefetch(id_of(oldest + i + fetch_ahead / 2));
                    table_->prefetch(id_of(next + i + fetch_ahead / 2));
                }
                found_bytes += table_->erase_oldest(id_of(oldest + i)).cell.size();
                table_->insert(id_of(next + i), 0, 0, next + i, 0);
            }
            log_.commit();
        }
        return found_bytes;
    }

private:
    static std::byte* map_ledger() {
        void* const memory = mmap(nullptr, aggregator::ledger_segment_bytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no memory for the undo log");
        return static_cast<std::byte*>(memory);
    }
    aggregator::TableHeader& header() { return *segment_.at<aggregator::TableHeader>(0); }
    void open_batch(std::uint64_t insertions) {
        if (!table_->make_room(insertions)) throw std::runtime_error("no room in /dev/shm for the table to grow");
        log_.begin(0, 0);
        log_.save(aggregator::LogTarget::table, 0, &header(), offsetof(aggregator::TableHeader, closed));
    }

    std::byte* ledger_;
    aggregator::UndoLog log_;
    shm::Segment segment_;
    std::unique_ptr<aggregator::Table> table_;
};

template <class Subject>
Figures churn(const nlohmann::json& arguments) {
    pin_to(Core::consumer);
    const auto live_buffers = arguments.at("live_buffers").get<std::uint64_t>();
    const auto laps = arguments.at("laps").get<std::uint64_t>();
    constexpr std::uint64_t events_per_lap = 65536;
    Subject subject;
    subject.preload(0, live_buffers);
    std::uint64_t oldest = 0;
    std::uint64_t found_bytes = 0;
    const auto lap = [&] {
        found_bytes += subject.churn(oldest, oldest + live_buffers, events_per_lap / 2);
        oldest += events_per_lap / 2;
    };
    lap();
    BatchTimes times(events_per_lap, laps);
    times.start();
    for (std::uint64_t count = 0; count < laps; ++count) {
        lap();
        times.lap();
    }
    if (found_bytes != oldest * (oldest - 1) / 2) throw std::runtime_error("the table gave back something else");
    Figures figures = Figures::object();
    times.summarize(figures);
    return figures;
}

void run(const Options& options, Result& result) {
    const nlohmann::json sizes = options.quick ? nlohmann::json{10'000} : nlohmann::json{10'000, 100'000, 1'000'000, 10'000'000};
    std::vector<std::string> subjects = {"trackshm", "boost", "std"};
#if TRACKSHM_BENCH_ABSL
    subjects.emplace_back("absl");
#else
    result.notes.emplace_back("absl::flat_hash_map: not built, libabsl-dev was missing");
#endif
    std::vector<Trial> trials;
    for (const auto& live_buffers : sizes) {
        for (const std::string& subject : subjects) {
            trials.push_back({subject + ", " + live_buffers.dump() + " live", "table_" + subject,
                              {{"live_buffers", live_buffers}, {"laps", options.sized(60, 2)}}, Tracking::off});
        }
    }
    run_interleaved(options.with_at_most(3), trials, result);  // one takes half a minute
    for (std::size_t i = 0; i < result.measurements.size(); i += subjects.size()) {
        result.notes.push_back(ratio_note(result, i, i + 1, "p50_ns"));
    }
}

const RegisterRole own_role({"table_trackshm", churn<TableUnderTest>});
const RegisterRole boost_role({"table_boost", churn<MapUnderTest<boost::unordered_flat_map<std::uint64_t, Buffer>>>});
const RegisterRole std_role({"table_std", churn<MapUnderTest<std::unordered_map<std::uint64_t, Buffer>>>});
#if TRACKSHM_BENCH_ABSL
const RegisterRole absl_role({"table_absl", churn<MapUnderTest<absl::flat_hash_map<std::uint64_t, Buffer>>>});
#endif
const RegisterBenchmark benchmark({"table", "the buffer table alone, beside well-known maps", run});

}  // namespace
}  // namespace trackshm::bench
