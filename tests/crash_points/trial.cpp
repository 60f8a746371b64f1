// SPDX-License-Identifier: Apache-2.0
#include "crash_points/trial.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <trackshm/stats.hpp>

#include "shm/names.hpp"
#include "shm/record_lock.hpp"
#include "shmtop/view_json.hpp"
#include "support/eventually.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

// Many commands at once: the answers are not waited for one by one.
void tell(Child& child, const Commands& commands) {
    for (const std::string& command : commands) child.write_line(command);
    for (const std::string& command : commands) {
        if (!child.read_line().starts_with("ok")) throw std::runtime_error("not carried out: " + command);
    }
}

void finish(Child& child) {
    child.close_input();
    if (!child.wait().exited_with(0)) throw std::runtime_error("a tracked process failed: " + child.error_output());
}

void serve(const Namespace& name_space, Script& process, const Commands& commands) {
    if (commands.empty()) return;
    Aggregator aggregator(name_space);
    tell(process.child(), commands);
    process.sync();
    if (!aggregator.terminate().exited_with(0)) throw std::runtime_error("the aggregator failed");
}

// Fields of a device and of its types that are published as details.
constexpr std::array device_details{"at_peak", "last_failure"};
constexpr std::array type_details{"size_histogram"};

json without_details(json document) {
    for (json& device : document["devices"]) {
        for (const char* key : device_details) device.erase(key);
        for (json& type : device["types"]) {
            for (const char* key : type_details) type.erase(key);
        }
    }
    return document;
}

// Of devices and types that details name, nothing but the details.
json details_alone(const stats::Details& details) {
    stats::Snapshot snapshot;
    for (const stats::DeviceDetails& row : details.devices) {
        stats::Device& device = snapshot.devices.emplace_back();
        device.device = row.device;
        for (const stats::TypeDetails& type : row.types) device.types.emplace_back().type = type.type;
    }
    return json::parse(tools::json_document(snapshot, details));
}

void sort_by_name(json& rows) {
    std::sort(rows.begin(), rows.end(), [](const json& a, const json& b) { return a.at("who") < b.at("who"); });
}

// What holds in every publication, whoever looks when.
std::string broken_invariant(const json& snapshot) {
    if (std::string text = imbalance(snapshot); !text.empty()) return text;
    for (const json& device : snapshot.at("devices")) {
        const auto number = [&](const char* key) { return device.at(key).get<std::uint64_t>(); };
        if (number("allocations_total") - number("deallocations_total") != number("live_buffers")) return device.dump();
        if (device.at("at_peak").is_null()) continue;
        std::uint64_t shares = device.at("at_peak").at("rest_bytes");
        for (const json& holder : device.at("at_peak").at("holders")) shares += holder.at("bytes").get<std::uint64_t>();
        if (device.at("at_peak").at("bytes") != shares) return device.dump();
    }
    return {};
}

std::vector<PointRecord> read_trace(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<PointRecord> points;
    for (PointRecord point; file.read(reinterpret_cast<char*>(&point), sizeof point);) points.push_back(point);
    return points;
}

}  // namespace

std::string difference(const json& expected, const json& actual, const std::string& path) {
    if (expected.is_object() && actual.is_object()) {
        for (const auto& [key, value] : expected.items()) {
            const std::string deeper = path.empty() ? key : path + "." + key;
            if (!actual.contains(key)) return deeper + " is missing";
            if (std::string text = difference(value, actual.at(key), deeper); !text.empty()) return text;
        }
        return {};
    }
    if (expected.is_array() && actual.is_array() && expected.size() == actual.size()) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const std::string deeper = path + "[" + std::to_string(i) + "]";
            if (std::string text = difference(expected[i], actual[i], deeper); !text.empty()) return text;
        }
        return {};
    }
    return expected == actual ? "" : path + " is " + actual.dump() + ", expected " + expected.dump();
}

// What readers are shown of a dead aggregator's last publication; null if there is none. They ask whether it is alive: a
// lock in place of its own says yes.
Stage::Publication Stage::last_publication(const Namespace& name_space) {
    const std::string path = shm::path_of(shm::stats_segment_name(name_space.name(), geteuid()));
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return {};
    Publication result;
    stats::Error error;
    stats::Snapshot snapshot;
    stats::Details details;
    if (shm::lock_as_description(fd, shm::aggregator_byte)) {
        auto reader = stats::Reader::open(name_space.name(), error);
        if (reader && reader->read(snapshot, error) && reader->read_details(details, error)) {
            result.document = json::parse(tools::json_document(snapshot, details));
            result.details = details_alone(details);
            result.numbers = {snapshot.publish_seq, details.publish_seq};
        }
    }
    close(fd);
    if (result.document.is_null()) throw std::runtime_error("no reader can attach: " + error.message);
    return result;
}

Stage::Stage(Scenario scenario) : scenario_(std::move(scenario)) { prepare(); }

// The processes that end before any trial, and what they and their aggregator leave.
void Stage::prepare() {
    Script casualty(name_space_, {{"TRACKSHM_RING_EVENTS", "256"}});
    serve(name_space_, casualty, scenario_.casualty_served);
    tell(casualty.child(), scenario_.casualty_unserved);
    casualty.child().kill();
    if (scenario_.casualty_loses_segment) std::filesystem::remove(shm::path_of(name_space_.segments("p").at(0)));
    Script late(name_space_, {{"TRACKSHM_RING_EVENTS", "64"}});
    tell(late.child(), scenario_.late);
    finish(late.child());
    Child folding({FOLDING_PROGRAM_PATH}, {name_space_.tracked()});
    folding.read_line();
    tell(folding, scenario_.folding);
    finish(folding);
    names_ = {{casualty.pid(), "casualty"}, {late.pid(), "late"}, {folding.pid(), "folding"}};
    if (!scenario_.liar_served.empty()) prepare_liar();
    image_.emplace(name_space_);
}

void Stage::prepare_liar() {
    Child liar({FOLDING_PROGRAM_PATH}, {name_space_.tracked()});
    liar.read_line();
    {
        const Aggregator aggregator(name_space_);
        tell(liar, scenario_.liar_served);
        tell(liar, {"sync"});
    }
    tell(liar, scenario_.liar_unserved);
    tell(liar, {"lie"});
    finish(liar);
    names_[liar.pid()] = "liar";
}

// What the rules say the figures are at the end.
json Stage::rules() const {
    Model model;
    model.carry_out("casualty", scenario_.casualty_served);
    model.carry_out("casualty", scenario_.casualty_unserved);
    model.end("casualty", false, !scenario_.casualty_loses_segment);
    model.carry_out("late", scenario_.late);
    model.end("late", true);
    model.carry_out("folding", scenario_.folding);
    model.end("folding", true);
    if (!scenario_.liar_served.empty()) {
        model.carry_out("liar", scenario_.liar_served);
        model.lie("liar", scenario_.liar_unserved.size());
        model.end("liar", true);
    }
    for (const Commands& commands :
         {scenario_.survivor_served, scenario_.survivor_unserved, scenario_.survivor_later}) {
        model.carry_out("survivor", commands);
    }
    json result = model.figures();
    sort_by_name(result["exited"]);
    return result;
}

const std::vector<PointRecord>& Stage::rehearse(std::string& fault) {
    const std::filesystem::path trace = std::filesystem::temp_directory_path() / ("trace." + name_space_.name());
    expected_ = rules();
    Outcome outcome;
    Environment environment = environment_of(true);
    environment[trace_variable] = trace;
    json performed = perform({environment}, outcome);
    fault = outcome.fault;
    expected_ = std::move(performed);
    trace_ = read_trace(trace);
    std::filesystem::remove(trace);
    return trace_;
}

Environment Stage::environment_of(bool is_first) const {
    return is_first && scenario_.first_finds_no_room ? Environment{{no_room_variable, "1"}} : Environment{};
}

// The first run is the rehearsed one: up to the call before the point its stores need not be looked at.
Environment Stage::environment_to_die_at(unsigned long point, bool is_first) const {
    Environment result = environment_of(is_first);
    result[die_at_variable] = std::to_string(point);
    if (!is_first || point > trace_.size()) return result;
    const std::uint64_t calls = trace_[point - 1].calls;
    const auto first =
        std::find_if(trace_.begin(), trace_.end(), [&](const auto& record) { return record.calls == calls; });
    result[skip_variable] = std::to_string(calls) + " " + std::to_string(first - trace_.begin());
    return result;
}

Outcome Stage::play(const std::vector<unsigned long>& points) {
    Outcome outcome;
    std::vector<Environment> aggregators;
    for (const unsigned long point : points) aggregators.push_back(environment_to_die_at(point, aggregators.empty()));
    try {
        perform(aggregators, outcome);
    } catch (const std::exception& error) {
        outcome.fault = error.what();
    }
    return outcome;
}

json Stage::perform(const std::vector<Environment>& aggregators, Outcome& outcome) {
    image_->restore(name_space_);
    std::erase_if(names_, [](const auto& entry) { return entry.second == "survivor"; });
    // In thousands of trials pids come again, also those of the processes in the image.
    std::optional<Script> started;
    do {
        started.emplace(name_space_, Environment{{"TRACKSHM_RING_EVENTS", scenario_.survivor_ring_events}});
    } while (names_.contains(started->pid()));
    Script& survivor = *started;
    names_[survivor.pid()] = "survivor";
    serve(name_space_, survivor, scenario_.survivor_served);
    tell(survivor.child(), scenario_.survivor_unserved);

    published_before_ = last_publication(name_space_).numbers;
    for (std::size_t i = 0; i < aggregators.size(); ++i) {
        take_over(aggregators[i], i == 0, outcome);
        if (i == 0) tell(survivor.child(), scenario_.survivor_later);
    }
    Aggregator successor(name_space_);
    survivor.sync();
    json result;
    const auto is_expected = [&] {
        result = figures(shmtop_json(name_space_));
        return difference(expected_, result).empty();
    };
    if (!eventually(is_expected)) outcome.fault += difference(expected_, result);
    if (has_corrected(successor.child())) outcome.fault += successor.child().error_output();
    outcome.fault += check_segments();
    return result;
}

// An aggregator that dies where `environment` says, or ends once it has seen all there is.
void Stage::take_over(const Environment& environment, bool is_first, Outcome& outcome) {
    Environment whole = environment;
    whole["LD_PRELOAD"] = STORE_TRAP_PATH;
    Child aggregator({SHM_AGGREGATOR_PATH, "--namespace", name_space_.name()}, {whole});
    const ExitStatus status = aggregator.wait(Milliseconds(120000));  // every store of it costs two signals
    if (status.killed_by(SIGKILL)) {
        ++outcome.deaths;
    } else if (!status.exited_with(0)) {
        outcome.fault += "the aggregator failed of itself: " + aggregator.error_output();
    }
    if (has_corrected(aggregator)) outcome.fault += aggregator.error_output();
    outcome.fault += check_last_publication(is_first);
}

// However the writer died, readers find a whole publication, and the same one whenever it is the n-th.
std::string Stage::check_last_publication(bool is_first) {
    const Publication last = last_publication(name_space_);
    if (last.document.is_null()) return {};
    if (std::string text = broken_invariant(last.document); !text.empty()) return "published: " + text;
    if (!is_first) return {};
    const std::string text = compare(known_counters_, last.numbers.counters - published_before_.counters,
                                     without_details(figures(last.document)));
    if (!text.empty()) return "counters, " + text;
    return compare(known_details_, last.numbers.details - published_before_.details, figures(last.details));
}

std::string Stage::compare(Known& known, std::uint64_t number, const json& published) {
    const auto [entry, is_new] = known.try_emplace(number, published);
    if (is_new || entry->second == published) return {};
    return "publication " + std::to_string(number) + ": " + difference(entry->second, published);
}

// Nothing stays behind but what serves the survivor; shmdump clean removes what an aggregator was just creating.
std::string Stage::check_segments() const {
    if (!name_space_.segments("tmp").empty()) {
        run({SHMDUMP_PATH, "clean", "--namespace", name_space_.name()});
    }
    std::string left;
    for (const std::string& name : name_space_.segments()) left += " " + name;
    const bool is_clean = name_space_.segments("p").size() == 1 && name_space_.segments("l").size() == 1 &&
                          name_space_.segments().size() == 4;
    return is_clean ? "" : "segments left:" + left;
}

std::string Stage::name_of(const json& row) const {
    const auto name = names_.find(row.at("pid").get<pid_t>());
    return name == names_.end() ? "nobody" : name->second;
}

// A document without what differs from run to run, with names in place of process ids.
json Stage::figures(json document) const {
    for (const char* key : {"namespace", "time_unix_ns"}) document.erase(key);
    for (const char* key : {"pid", "alive", "publish_seq", "publish_age_ns", "start_count", "heartbeat_age_ns"}) {
        document["aggregator"].erase(key);
    }
    for (const char* rows : {"processes", "exited"}) {
        for (json& row : document[rows]) {
            row["who"] = name_of(row);
            for (const char* key : {"pid", "own_pid", "end_unix_ns"}) row.erase(key);
        }
        sort_by_name(document[rows]);
    }
    for (json& device : document["devices"]) {
        for (const char* key : {"peak_15s_bytes", "peak_60s_bytes"}) device.erase(key);
        if (json& failure = device.at("last_failure"); !failure.is_null()) {
            failure["who"] = name_of(failure);
            // What was in the way depends on how far the other processes' events were applied.
            for (const char* key : {"pid", "comm", "time_unix_ns", "largest", "largest_time_unix_ns",
                                    "largest_gathering_ns"}) {
                failure.erase(key);
            }
        }
        if (device.at("at_peak").is_null()) continue;
        device["at_peak"].erase("time_unix_ns");
        for (json& holder : device["at_peak"]["holders"]) {
            holder["who"] = name_of(holder);
            for (const char* key : {"pid", "comm"}) holder.erase(key);
        }
        auto& holders = device["at_peak"]["holders"];
        std::sort(holders.begin(), holders.end(), [](const json& a, const json& b) {
            return std::pair(a.at("who"), a.at("type")) < std::pair(b.at("who"), b.at("type"));
        });
    }
    return document;
}

}  // namespace trackshm::test
