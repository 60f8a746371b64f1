// SPDX-License-Identifier: Apache-2.0
#include "soak/round.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <thread>

#include "support/commands.hpp"
#include "support/eventually.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds longest_work{1200};
constexpr std::chrono::seconds longest_farewell{60};

const char* pick(Random& random, std::initializer_list<const char*> choices) {
    return *(choices.begin() + random.below(choices.size()));
}

// Between a thousand and `most`, each magnitude as likely as the others.
std::uint64_t draw_operations(Random& random, std::uint64_t most) {
    const std::uint64_t magnitude = most >> random.below(static_cast<std::uint64_t>(std::bit_width(most / 2000)));
    return 1000 + random.below(magnitude - 1000);
}

std::uint64_t allocations_of(const json& snapshot) {
    std::uint64_t sum = 0;
    for (const json& device : snapshot.at("devices")) sum += device.at("allocations_total").get<std::uint64_t>();
    return sum;
}

bool other_users_can_run() {
    static const bool can = can_run_as(nobody);
    return can;
}

// What must be so whoever is alive.
std::string unconditional_differences(const json& snapshot, const Report& report) {
    std::string result = imbalance(snapshot);
    if (!result.empty()) result += '\n';
    if (snapshot.at("events").at("quarantined_processes") > report.liars) result += "more are quarantined than lied\n";
    const bool nobody_lied = report.liars == 0;
    if (nobody_lied && snapshot.at("events").at("rejected") != 0) result += "rejected is not 0\n";
    if (snapshot.at("aggregator").at("start_count") != report.aggregator_starts) result += "start_count is wrong\n";
    return result;
}

// What must be so when nobody is alive.
std::string remainders(const json& snapshot) {
    std::string result;
    for (const json& device : snapshot.at("devices")) {
        for (const json& type : device.at("types")) {
            const bool is_even = type.at("live_bytes") == 0 && type.at("live_buffers") == 0 &&
                                 type.at("allocations_total") == type.at("deallocations_total") &&
                                 type.at("allocated_bytes_total") == type.at("deallocated_bytes_total");
            if (!is_even)
                result += fmt::format("nobody is alive, but device {}: {}\n", device.at("device").dump(), type.dump());
        }
    }
    return result;
}

}  // namespace

// Reports of a process with reused ids stay fewer than what a coalescing process keeps word for word (coalescer.hpp):
// beyond it the counts of what it could not know may differ. A tidy process has no such limit, and sizes of every
// magnitude: most of all events are those of a few large rounds.
RoundPlan::RoundPlan(Random& random, std::uint64_t most_operations)
    : mode(pick(random, {"ordered", "handoff", "tidy", "tidy"})),
      processes(1 + static_cast<unsigned>(random.below(4))),
      ring_events(pick(random, {"64", "64", "256", "1024", "4096", "65536"})),
      generations(random.one_in(2) ? 1 : 1 + random.below(8)),
      operations(draw_operations(random, mode == "tidy" ? most_operations : 26000) / generations),
      forks(mode != "ordered" && random.one_in(3) ? 1 + random.below(4) : 0),
      kills(random.one_in(3)),
      drops(random.one_in(8)),
      is_of_another_user(other_users_can_run() && random.one_in(4)),
      guest(random.one_in(3) ? std::optional(Guest::kinds[random.below(std::size(Guest::kinds))]) : std::nullopt),
      seed(random() >> 8) {}

std::string RoundPlan::text() const {
    return fmt::format(
        "{} process{} {} seed {}: {} operations of 8 threads, {} generation{}, {} fork{}, ring of {}{}{}{}{}", processes,
        processes == 1 ? "" : "es", mode, seed, operations, generations, generations == 1 ? "" : "s", forks,
        forks == 1 ? "" : "s", ring_events, kills ? ", kills" : "", drops ? ", drops" : "",
        is_of_another_user ? ", another user's" : "",
        guest ? fmt::format(", a guest that {}", Guest::name_of(*guest)) : "");
}

void Round::run() {
    ++report_.rounds;
    report_.dropping_rounds += plan_.drops;
    report_.rounds_of_another_user += plan_.is_of_another_user;
    start_workers();
    invite_guest();
    work();
    aggregator_.restore();
    check_living();
    end_workers();
    check_ended();
}

void Round::start_workers() {
    const Environment environment = name_space_.tracked(
        {{"TRACKSHM_RING_EVENTS", plan_.ring_events}, {"TRACKSHM_OVERFLOW", plan_.drops ? "drop" : "coalesce"}});
    for (unsigned i = 0; i < plan_.processes; ++i) {
        const Arguments arguments{RANDOM_WORKLOAD_PATH,
                                  plan_.mode,
                                  std::to_string(plan_.seed * plan_.processes + i),
                                  std::to_string(plan_.operations),
                                  std::to_string(plan_.generations),
                                  std::to_string(plan_.forks)};
        const auto user = plan_.is_of_another_user ? std::optional<uid_t>(nobody) : std::nullopt;
        workers_.push_back({std::make_unique<Child>(arguments, ChildOptions{environment, user}), false, false, {}});
        ++report_.processes;
    }
}

void Round::invite_guest() {
    if (!plan_.guest) return;
    const bool lies = *plan_.guest == Guest::Kind::lies;
    if (lies) aggregator_.restore();
    guest_ = std::make_unique<Guest>(name_space_, *plan_.guest, plan_.seed);
    ++report_.guests;
    report_.liars += lies;
}

void Round::work() {
    const auto end = std::chrono::steady_clock::now() + longest_work;
    const std::uint64_t tempo = std::uint64_t{1000} << random_.below(7);  // calm rounds and hectic ones
    while (!all_done()) {
        std::this_thread::sleep_for(random_.microseconds_below(tempo));
        if (random_.one_in(3)) aggregator_.torment();
        torment_workers();
        if (random_.one_in(4)) look();
        collect_truths();
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error("a process does not come to its end");
    }
    report_.shm_peak_bytes = std::max(report_.shm_peak_bytes, storage_bytes(name_space_));
}

void Round::torment_workers() {
    Worker& worker = workers_[random_.below(workers_.size())];
    if (worker.is_done()) return;
    if (worker.stopped) {
        worker.child->resume();
        worker.stopped = false;
    } else if (random_.one_in(10)) {
        worker.child->stop();
        worker.stopped = true;
        ++report_.processes_stopped;
    } else if (plan_.kills && random_.one_in(40)) {
        worker.child->kill();
        worker.killed = true;
        ++report_.processes_killed;
    }
}

void Round::collect_truths() {
    for (Worker& worker : workers_) {
        if (worker.is_done()) continue;
        const auto line = worker.child->next_line();
        if (!line) {
            if (worker.child->has_ended()) throw std::runtime_error("a process died: " + worker.child->error_output());
            continue;
        }
        if (!line->starts_with('{')) throw std::runtime_error("a process failed: " + *line);
        worker.truth = json::parse(*line);
        if (worker.stopped) worker.child->resume();
        const json& truth = *worker.truth;
        report_.forked_children += truth.at("children").size();
        report_.longest_sync_ns = std::max(report_.longest_sync_ns, truth.at("sync_ns").get<std::uint64_t>());
        report_.process_peak_bytes =
            std::max(report_.process_peak_bytes, truth.at("resident_bytes").get<std::uint64_t>());
    }
}

// A reader in passing: the equations hold at every moment, and totals never go back.
void Round::look() {
    if (!aggregator_.exists()) return;
    const json snapshot = shmtop_json(name_space_);
    ++report_.snapshots;
    note_drift(unconditional_differences(snapshot, report_));
    const std::uint64_t allocations = allocations_of(snapshot);
    if (allocations < allocations_seen_) {
        note_drift(fmt::format("{} allocations in all, after {}\n", allocations, allocations_seen_));
    }
    allocations_seen_ = allocations;
    report_.shm_peak_bytes = std::max(report_.shm_peak_bytes, storage_bytes(name_space_));
    if (shm_ != nullptr && random_.one_in(4)) fill_shm(snapshot);
}

// For a moment, and not while a process may start: one that finds no room then is not tracked, as it should be.
void Round::fill_shm(const json& snapshot) {
    const bool all_have_started = std::all_of(workers_.begin(), workers_.end(), [&](const Worker& worker) {
        return worker.killed || process_row(snapshot, worker.child->pid()).is_object();
    });
    if (plan_.forks != 0 || !all_have_started) return;
    constexpr std::uint64_t lane_bytes = 32 * 1024;
    shm_->fill(random_.below(4) * lane_bytes);
    std::this_thread::sleep_for(random_.microseconds_below(50'000));
    shm_->make_room();
    ++report_.shortages;
}

void Round::check_living() {
    look();
    const json snapshot = shmtop_json(name_space_);
    for (const Worker& worker : workers_) {
        if (worker.killed) continue;
        if (!plan_.drops) {
            note_drift(process_differences(snapshot, *worker.truth));
        } else if (process_row(snapshot, worker.child->pid()).at("reported") != worker.truth->at("reported")) {
            note_drift("a process that drops has another number of reports\n");
        }
    }
}

// They may end with or without an aggregator, a guest first.
void Round::end_workers() {
    guest_.reset();
    for (Worker& worker : workers_) {
        if (random_.one_in(3)) aggregator_.torment();
        if (!worker.killed) worker.child->close_input();
    }
    for (Worker& worker : workers_) {
        if (!worker.killed && !worker.child->wait().exited_with(0)) note_drift("a process did not end well\n");
    }
    aggregator_.restore();
}

void Round::check_ended() {
    json snapshot;
    const bool all_ended = eventually(
        [&] {
            snapshot = shmtop_json(name_space_);
            return snapshot.at("processes").empty();
        },
        longest_farewell);
    if (!all_ended) note_drift("processes are shown that ended long ago: " + snapshot.at("processes").dump() + "\n");
    note_drift(unconditional_differences(snapshot, report_) + remainders(snapshot));
    report_.reported = snapshot.at("events").at("reported");
    report_.coalesced = snapshot.at("events").at("coalesced");
    report_.dropped = snapshot.at("events").at("dropped");

    bool all_known = !plan_.drops && !plan_.guest;
    for (const Worker& worker : workers_) {
        all_known = all_known && !worker.killed;
        if (worker.killed || plan_.drops) continue;
        expect_ended(snapshot, *worker.truth);
        for (const json& child : worker.truth->at("children")) expect_ended(snapshot, child);
    }
    if (all_known) note_drift(expected_.differences(snapshot));
    expected_.start_from(snapshot);
}

void Round::expect_ended(const json& snapshot, const json& truth) {
    if (truth.is_null()) return note_drift("a forked child did not say what it did\n");
    note_drift(exited_differences(snapshot, truth));
    expected_.add_ended(truth);
}

bool Round::all_done() const {
    return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.is_done(); });
}

}  // namespace trackshm::test
