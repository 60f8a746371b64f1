// SPDX-License-Identifier: Apache-2.0
#include "shmtop/view_json.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/snapshots.hpp"

namespace trackshm::tools {
namespace {

using Json = nlohmann::ordered_json;

Json parsed(const stats::Snapshot& snapshot, const stats::Details& details = {}) {
    return Json::parse(json_document(snapshot, details));
}

// Whether the object begins with these names, in this order. More may follow.
bool begins_with(const Json& object, const std::vector<std::string>& names) {
    std::vector<std::string> found;
    for (const auto& item : object.items()) found.push_back(item.key());
    return found.size() >= names.size() && std::equal(names.begin(), names.end(), found.begin());
}

TEST_CASE("the document has the fields of its schema in their order") {
    const Json document = parsed(sample_snapshot());
    CHECK(begins_with(document, {"schema", "namespace", "time_unix_ns", "aggregator", "events", "devices", "processes",
                                 "exited"}));
    CHECK(begins_with(document["aggregator"],
                      {"pid", "alive", "exact", "publish_seq", "publish_age_ns", "start_count"}));
    CHECK(begins_with(document["events"],
                      {"reported", "applied", "pending", "coalesced", "dropped", "unknown_frees", "ambiguous_frees",
                       "implicit_frees", "rejected", "quarantined_processes"}));
    const Json& device = document["devices"][0];
    CHECK(begins_with(device, {"device", "name", "live_bytes", "live_buffers", "peak_bytes", "peak_exact",
                               "capacity_bytes", "allocations_total", "allocated_bytes_total", "deallocations_total",
                               "deallocated_bytes_total", "allocation_failures_total", "types"}));
    CHECK(begins_with(device["types"][0],
                      {"type", "live_bytes", "live_buffers", "peak_bytes", "capacity_bytes", "allocations_total",
                       "allocated_bytes_total", "deallocations_total", "deallocated_bytes_total"}));
    const Json& process = document["processes"][0];
    CHECK(begins_with(process, {"pid", "comm", "uid", "exact", "live_bytes", "live_buffers", "peak_bytes", "peak_exact",
                                "reported", "applied", "pending", "coalesced", "dropped", "devices"}));
    CHECK(begins_with(process["devices"][0], {"device", "type", "live_bytes", "live_buffers", "peak_bytes"}));
    CHECK(begins_with(document["exited"][0], {"pid", "comm", "clean", "end_unix_ns", "leaked_bytes", "leaked_buffers",
                                              "peak_bytes"}));
}

TEST_CASE("figures are bare numbers and what is unknown is null") {
    const Json document = parsed(sample_snapshot());
    CHECK(document["schema"] == "trackshm.snapshot/1");
    CHECK(document["devices"][0]["live_bytes"] == 310 * MiB);
    CHECK(document["devices"][0]["types"][1]["type"] == "L1");
    CHECK(document["devices"][0]["capacity_bytes"] == 1000 * MiB);
    CHECK(document["devices"][1]["capacity_bytes"].is_null());
    CHECK(document["devices"][2]["types"].empty());
    CHECK(document["exited"][0]["leaked_bytes"] == 7);
    CHECK(document["exited_total"] == 2);
    CHECK(document["leaked_bytes_total"] == 14);
    CHECK(document["leaked_buffers_total"] == 2);
}

TEST_CASE("a device shows who held what at its peak") {
    const Json document = parsed(sample_snapshot(), sample_details());
    const Json peak = document["devices"][0]["at_peak"];
    CHECK(begins_with(peak, {"time_unix_ns", "bytes", "exact", "holders", "rest_bytes"}));
    CHECK(peak["bytes"] == 310 * MiB);
    CHECK(peak["rest_bytes"] == 2 * MiB);
    REQUIRE(peak["holders"].size() == 2);
    CHECK(peak["holders"][0] ==
          Json({{"pid", 20}, {"comm", "big"}, {"type", "DRAM"}, {"bytes", 250 * MiB}, {"ended", false}}));
    CHECK(peak["holders"][1]["ended"] == true);
}

TEST_CASE("a device shows its last failed allocation and the buffers in its way") {
    const Json document = parsed(sample_snapshot(), sample_details());
    const Json failure = document["devices"][0]["last_failure"];
    CHECK(begins_with(failure, {"time_unix_ns", "size_bytes", "type", "pid", "comm", "count", "largest",
                                "largest_time_unix_ns", "largest_gathering_ns"}));
    CHECK(failure["size_bytes"] == 400 * MiB);
    CHECK(failure["comm"] == "small");
    REQUIRE(failure["largest"].size() == 2);
    CHECK(failure["largest"][0] == Json({{"id", 77},
                                         {"size_bytes", 200 * MiB},
                                         {"type", "DRAM"},
                                         {"pid", 20},
                                         {"comm", "big"},
                                         {"age_ns", 9'000'000'000},
                                         {"id_hex", "0x4d"}}));
}

TEST_CASE("a failure whose list of buffers is not made yet says null for its time") {
    stats::Details details = sample_details();
    details.devices[0].last_failure->largest.clear();
    details.devices[0].last_failure->largest_time_unix_ns = 0;
    const Json failure = parsed(sample_snapshot(), details)["devices"][0]["last_failure"];
    CHECK(failure["largest"].empty());
    CHECK(failure["largest_time_unix_ns"].is_null());
    CHECK(failure["largest_gathering_ns"].is_null());
}

TEST_CASE("a memory shows how many buffers of which size were allocated and live") {
    const Json document = parsed(sample_snapshot(), sample_details());
    const Json types = document["devices"][0]["types"];
    REQUIRE(types[0]["size_histogram"].size() == 2);
    CHECK(types[0]["size_histogram"][0] == Json({{"le_bytes", 64 * MiB}, {"allocated_total", 5}, {"live", 1}}));
    CHECK(types[1]["size_histogram"][0]["le_bytes"] == 16 * MiB);
}

TEST_CASE("names reach JSON with the control characters that it escapes, and without the others") {
    const std::string told = "\x1B[31m\xEF\xBF\xBD" "31m\xEF\xBF\xBD";
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = hostile_name;
    snapshot.processes[0].comm = hostile_name;
    snapshot.exited[0].comm = hostile_name;
    const Json document = parsed(snapshot);
    CHECK(document["devices"][0]["name"] == told);
    CHECK(document["processes"][0]["comm"] == told);
    CHECK(document["exited"][0]["comm"] == told);
    CHECK(json_document(snapshot, {}).find_first_of("\x1B\x7F") == std::string::npos);
}

TEST_CASE("a device without details has none of them") {
    const Json device = parsed(sample_snapshot())["devices"][0];
    CHECK(device["at_peak"].is_null());
    CHECK(device["last_failure"].is_null());
    CHECK(device["types"][0]["size_histogram"] == Json::array());
}

TEST_CASE("64-bit counters survive in full") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.events.reported = ~std::uint64_t{0};
    CHECK(parsed(snapshot)["events"]["reported"] == ~std::uint64_t{0});
}

TEST_CASE("a document is one line whatever names hold") {
    stats::Snapshot snapshot = sample_snapshot();
    snapshot.devices[0].name = "a\n\"b\" \xFF";
    snapshot.processes[0].comm = "\xC3";
    const std::string text = json_document(snapshot, {});
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK(text.back() == '\n');
    const Json document = Json::parse(text);
    CHECK(document["devices"][0]["name"] == "a\n\"b\" \xEF\xBF\xBD");
    CHECK(document["processes"][0]["comm"] == "\xEF\xBF\xBD");
}

TEST_CASE("the past of a device is in the document where it is asked for") {
    stats::Details details;
    stats::DeviceDetails& device = details.devices.emplace_back();
    device.seconds = {{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}};
    device.ten_seconds = {{13, 14, 15, 16, 17, 18}};
    CHECK_FALSE(Json::parse(json_document(sample_snapshot(), details))["devices"][0].contains("history"));

    const Json document = Json::parse(json_document(sample_snapshot(), details, {.history = true}));
    const Json& history = document["devices"][0]["history"];
    REQUIRE(history["seconds"].size() == 2);
    CHECK(history["seconds"][1]["time_unix_ns"] == 7);
    CHECK(history["seconds"][1]["live_bytes"] == 8);
    CHECK(history["seconds"][1]["peak_bytes"] == 9);
    CHECK(history["seconds"][1]["allocations_total"] == 10);
    CHECK(history["seconds"][1]["allocated_bytes_total"] == 11);
    CHECK(history["seconds"][1]["deallocations_total"] == 12);
    CHECK(history["ten_seconds"].size() == 1);
    CHECK(document["devices"][1]["history"]["seconds"].empty());
}

TEST_CASE("a namespace nobody reported to has empty arrays") {
    const Json document = parsed({});
    for (const char* name : {"devices", "processes", "exited"}) {
        CHECK(document[name].is_array());
        CHECK(document[name].empty());
    }
}

}  // namespace
}  // namespace trackshm::tools
