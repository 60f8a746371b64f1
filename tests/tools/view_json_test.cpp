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

Json parsed(const stats::Snapshot& snapshot) { return Json::parse(json_document(snapshot)); }

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
    const std::string text = json_document(snapshot);
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK(text.back() == '\n');
    const Json document = Json::parse(text);
    CHECK(document["devices"][0]["name"] == "a\n\"b\" \xEF\xBF\xBD");
    CHECK(document["processes"][0]["comm"] == "\xEF\xBF\xBD");
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
