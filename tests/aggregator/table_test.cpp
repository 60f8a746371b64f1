// SPDX-License-Identifier: Apache-2.0
#include "aggregator/table.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "shm/names.hpp"
#include "shm/os.hpp"

namespace trackshm::aggregator {

namespace {

// A table in a segment without a name, an undo log in private memory, and what a batch must do around its changes.
class Bench {
public:
    explicit Bench(std::uint64_t homes = 16)
        : ledger_(ledger_segment_bytes / 8), log_(std::make_unique<UndoLog>(bytes_of(ledger_))) {
        const std::string name = shm::temporary_segment_name("t", getpid(), shm::random_nonce());
        REQUIRE(Table::create(segment_, name, homes) == shm::SegmentStatus::ok);
        segment_.unlink();
        attach();
    }

    // As the next aggregator would.
    void attach() {
        table_ = std::make_unique<Table>(segment_, *log_);
        REQUIRE(table_->attach() == shm::SegmentStatus::ok);
    }

    void begin(std::uint64_t insertions) {
        REQUIRE(table_->make_room(insertions));
        open_batch();
    }
    void commit() { log_->commit(); }
    void roll_back() {
        log_->roll_back([&](LogTarget target, std::uint64_t offset, const std::byte* bytes, std::uint32_t count) {
            REQUIRE(target == LogTarget::table);
            return pwrite(segment_.fd(), bytes, count, static_cast<off_t>(offset)) == static_cast<ssize_t>(count);
        });
    }

    Table::Inserted insert(std::uint64_t id, std::uint32_t device, std::uint8_t type, std::uint64_t size) {
        const Table::Inserted result = table_->insert(id, device, type, size, 0);
        REQUIRE_FALSE(result.no_room);  // begin() made it
        return result;
    }

    Table& table() { return *table_; }
    TableHeader& header() { return *segment_.at<TableHeader>(0); }

private:
    static std::byte* bytes_of(std::vector<std::uint64_t>& words) { return reinterpret_cast<std::byte*>(words.data()); }

    void open_batch() {
        constexpr std::uint64_t offset = offsetof(TableHeader, live_bytes);
        log_->begin(0, 0);
        log_->save(LogTarget::table, offset, segment_.data() + offset, offsetof(TableHeader, closed) - offset);
    }

    std::vector<std::uint64_t> ledger_;
    std::unique_ptr<UndoLog> log_;
    shm::Segment segment_;
    std::unique_ptr<Table> table_;
};

struct Entry {
    std::uint32_t device;
    unsigned type;
    std::uint64_t size;

    auto operator<=>(const Entry&) const = default;
};

// The obvious container: entries of an id, the oldest first.
using Model = std::map<std::uint64_t, std::vector<Entry>>;

std::uint64_t buffers_in(const Model& model) {
    std::uint64_t count = 0;
    for (const auto& [id, entries] : model) count += entries.size();
    return count;
}

template <class Matches>
void check_erased(Model& model, std::uint64_t id, const Table::Erased& erased, Matches&& matches) {
    auto& entries = model[id];
    const auto candidates = static_cast<std::uint64_t>(std::count_if(entries.begin(), entries.end(), matches));
    REQUIRE(erased.candidates == candidates);
    REQUIRE(erased.cell.taken() == (candidates > 0));
    if (candidates == 0) return;
    const auto oldest = std::find_if(entries.begin(), entries.end(), matches);
    REQUIRE(Entry{erased.cell.device, erased.cell.type(), erased.cell.size()} == *oldest);
    entries.erase(oldest);
}

void check_same(const Table& table, const Model& model) {
    std::map<std::uint64_t, std::vector<std::pair<std::uint64_t, Entry>>> found;
    table.for_each_live([&](const Cell& cell) {
        found[cell.id].push_back({cell.sequence, {cell.device, cell.type(), cell.size()}});
    });
    Model seen;
    for (auto& [id, entries] : found) {
        std::sort(entries.begin(), entries.end());
        for (const auto& [sequence, entry] : entries) seen[id].push_back(entry);
    }
    Model expected = model;
    std::erase_if(expected, [](const auto& item) { return item.second.empty(); });
    REQUIRE(seen == expected);
}

// One random change to both.
void change(Bench& bench, Model& model, std::mt19937_64& random, std::uint64_t ids, unsigned insert_percent) {
    const std::uint64_t id = random() % ids * 4096;
    const auto device = static_cast<std::uint32_t>(random() % 4);
    const auto type = static_cast<std::uint8_t>(random() % 3);
    auto& entries = model[id];
    if (random() % 100 < insert_percent) {
        const std::uint64_t size = random() % 1000;
        const auto old = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
            return entry.device == device && entry.type == type;
        });
        const Table::Inserted inserted = bench.insert(id, device, type, size);
        REQUIRE(inserted.replaced.taken() == (old != entries.end()));
        if (old != entries.end()) {
            REQUIRE(inserted.replaced.size() == old->size);
            entries.erase(old);
        }
        entries.push_back({device, type, size});
        return;
    }
    switch (random() % 3) {
        case 0: check_erased(model, id, bench.table().erase_oldest(id), [](const Entry&) { return true; }); break;
        case 1:
            check_erased(model, id, bench.table().erase_oldest_on(id, device),
                         [&](const Entry& entry) { return entry.device == device; });
            break;
        default:
            check_erased(model, id, bench.table().erase_exact(id, device, type),
                         [&](const Entry& entry) { return entry.device == device && entry.type == type; });
    }
}

void close_device(Bench& bench, Model& model, std::uint32_t device) {
    REQUIRE(bench.table().close_device(device));
    for (auto& [id, entries] : model) {
        std::erase_if(entries, [device](const Entry& entry) { return entry.device == device; });
    }
}

// One batch. False if there is no room at the end of the area; then nothing of it was done.
bool insert_every_type(Bench& bench, std::uint64_t id, std::uint32_t device) {
    bench.begin(shm::type_count);
    for (std::uint8_t type = 0; type < shm::type_count; ++type) {
        if (!bench.table().insert(id, device, type, id, 0).no_room) continue;
        bench.roll_back();
        return false;
    }
    bench.commit();
    return true;
}

std::uint64_t fresh_seed() { return std::random_device()(); }

}  // namespace

TEST_CASE("a table does what a map of lists does, through growth, roll-backs and new aggregators") {
    const std::uint64_t seed = fresh_seed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    Bench bench;
    Model model;
    constexpr int batches = 6000;
    for (int batch = 0; batch < batches; ++batch) {
        constexpr std::uint64_t changes = 20;
        bench.begin(changes);
        const bool fails = random() % 50 == 0;
        const Model before = fails ? model : Model{};
        const unsigned insert_percent = batch % 2000 < 1000 ? 70 : 20;
        for (std::uint64_t i = 0; i < changes; ++i) change(bench, model, random, 4000, insert_percent);
        if (random() % 300 == 0) close_device(bench, model, static_cast<std::uint32_t>(random() % 4));
        if (fails) {
            bench.roll_back();
            model = before;
        } else {
            bench.commit();
        }
        bench.header().live_buffers = buffers_in(model);
        if (random() % 100 == 0) bench.attach();
        if (batch % 500 == 0) check_same(bench.table(), model);
    }
    check_same(bench.table(), model);
}

// Runs of taken cells longer than any batch, also at the end of an area: ids that are live everywhere at once.
TEST_CASE("a table grows whatever its ids, and finds each of their entries") {
    constexpr std::uint64_t ids = 10;
    constexpr std::uint32_t devices = 256;
    for (int attempt = 0; attempt < 2; ++attempt) {  // where an id lies is random
        Bench bench(16 * 1024);
        std::uint64_t live = 0;
        for (std::uint64_t id = 0; id < ids; ++id) {
            for (std::uint32_t device = 0; device < devices; ++device) {
                while (!insert_every_type(bench, id, device)) REQUIRE(bench.table().grow_now());
                bench.header().live_buffers = live += shm::type_count;
            }
            if (id % 3 == 2) bench.attach();
        }
        std::vector<std::uint64_t> found(ids);
        bench.table().for_each_live([&](const Cell& cell) { ++found.at(cell.id); });
        CHECK(found == std::vector<std::uint64_t>(ids, devices * shm::type_count));
        bench.begin(0);
        CHECK(bench.table().erase_exact(7, 255, 15).cell.size() == 7);
        CHECK_FALSE(bench.table().erase_exact(7, 255, 15).cell.taken());
        bench.commit();
    }
}

TEST_CASE("a table grows step by step to a million buffers and finds each of them") {
    constexpr std::uint64_t buffers = 1000000;
    constexpr std::uint64_t per_batch = 1000;
    Bench bench;
    for (std::uint64_t first = 0; first < buffers; first += per_batch) {
        bench.begin(per_batch);
        for (std::uint64_t id = first; id < first + per_batch; ++id) bench.insert(id, 0, 0, id);
        bench.commit();
        bench.header().live_buffers = first + per_batch;
    }
    std::uint64_t wrong = 0;
    for (std::uint64_t first = 0; first < buffers; first += per_batch) {
        bench.begin(0);
        for (std::uint64_t id = first; id < first + per_batch; ++id) {
            const Table::Erased erased = bench.table().erase_oldest(id);
            wrong += erased.candidates != 1 || erased.cell.size() != id;
        }
        bench.commit();
    }
    CHECK(wrong == 0);
}

TEST_CASE("a look in parts visits what lives throughout once, however the table changes and grows meanwhile") {
    const std::uint64_t seed = fresh_seed();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 5; ++round) {
        Bench bench;
        Model model;
        const auto change_some = [&](std::uint64_t changes, unsigned insert_percent) {
            bench.begin(changes);
            for (std::uint64_t i = 0; i < changes; ++i) change(bench, model, random, 20000, insert_percent);
            bench.commit();
            bench.header().live_buffers = buffers_in(model);
        };
        const auto sequences = [&] {
            std::set<std::uint64_t> live;
            bench.table().for_each_live([&](const Cell& cell) { live.insert(cell.sequence); });
            return live;
        };
        for (int i = 0; i < 30; ++i) change_some(100, 70);
        const std::set<std::uint64_t> before = sequences();
        std::map<std::uint64_t, unsigned> visits;
        Table::Cursor cursor;
        unsigned parts = 0;
        while (!cursor.at_end) {
            bench.table().scan(cursor, 1 + random() % 500, [&](const Cell& cell) { ++visits[cell.sequence]; });
            change_some(500, 80);  // so that it grows several times under the look
            REQUIRE(++parts < 100000);
        }
        REQUIRE(parts > 5);
        const std::set<std::uint64_t> after = sequences();
        const auto is_missed = [&](std::uint64_t sequence) { return after.contains(sequence) && visits[sequence] != 1; };
        CHECK(std::count_if(before.begin(), before.end(), is_missed) == 0);
        CHECK(std::count_if(visits.begin(), visits.end(), [](const auto& visit) { return visit.second > 1; }) == 0);
    }
}

TEST_CASE("a closed device's entries are gone at once and their ids are new when they come again") {
    Bench bench;
    bench.begin(10);
    for (std::uint64_t id = 0; id < 4; ++id) bench.insert(id, static_cast<std::uint32_t>(id % 2), 0, 10);
    REQUIRE(bench.table().close_device(1));
    CHECK(bench.table().erase_oldest(1).candidates == 0);
    CHECK_FALSE(bench.insert(1, 1, 0, 20).replaced.taken());
    CHECK(bench.table().erase_oldest(1).cell.size() == 20);
    CHECK(bench.table().erase_oldest(0).candidates == 1);
    bench.commit();
}

}  // namespace trackshm::aggregator
