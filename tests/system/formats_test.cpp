// SPDX-License-Identifier: Apache-2.0
//
// What shmtop writes for programs, read by parsers that others wrote, and compared with what processes reported.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/formats.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"
#include "support/temporary_directory.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

constexpr const char* awkward_name = "a,\"b\"\\c";

// A namespace in which much has happened: two processes on two devices, one described, and one that ended with a leak.
class BusyNamespace {
public:
    BusyNamespace() : aggregator_(name_space), first(name_space), second(name_space) {
        first(std::string("name 3 ") + awkward_name);
        first("memory 3 0 1000");
        first("alloc 3 100 0 1");
        first("alloc 3 20 1 2");
        first("alloc 4 7 0 1");
        first("free_on 4 1");
        first("fail 3 5000 0");
        second("alloc 3 300 0 1");
        second("usage 65535 7 4096");
        {
            Script leaking(name_space);
            leaking("alloc 4 11 0 9");
            leaking.sync();
            leaking.finish();
        }
        first.sync();
        second.sync();
        REQUIRE(eventually([&] { return shmtop_json(name_space).at("exited").size() == 1; }));
        REQUIRE(eventually([&] { return has_details(device_row(shmtop_json(name_space), 3)); }));
    }

    std::string output_of(const Arguments& arguments) const {
        const CommandResult result = shmtop(name_space, arguments);
        INFO(result.error_output);
        REQUIRE(result.status.exited_with(0));
        CHECK(result.error_output.empty());
        return result.output;
    }

    Namespace name_space;

private:
    // They are published after the figures.
    static bool has_details(const json& device) {
        return device.at("at_peak").is_object() && device.at("at_peak").at("bytes") == 420 &&
               device.at("last_failure").is_object() &&
               !device.at("types").at(0).at("size_histogram").empty();
    }

    Aggregator aggregator_;

public:
    Script first;
    Script second;
};

json row_with(const json& rows, const json& wanted) {
    for (const json& row : rows) {
        bool fits = true;
        for (const auto& [key, value] : wanted.items()) fits &= row.at(key) == value;
        if (fits) return row;
    }
    return nullptr;
}

// The value of a sample, null if there is none.
json sample(const json& samples, const std::string& name, const json& labels) {
    for (const json& entry : samples) {
        if (entry.at(0) == name && entry.at(1) == labels) return entry.at(2);
    }
    return nullptr;
}

}  // namespace

TEST_CASE("every JSON document is of the published schema") {
    const BusyNamespace busy;
    for (const Arguments& arguments : {Arguments{"--json"},
                                       {"--format", "json", "-n", "3", "-r", "10"},
                                       {"--json", "-1", "-d", "3", "-t", "L1"},
                                       {"--json", "--top", "0"},
                                       {"--json", "--history"},
                                       {"--json", "-p", "1"}}) {
        CAPTURE(arguments);
        REQUIRE_PARSED(ignored, "json", busy.output_of(arguments), {SNAPSHOT_SCHEMA_PATH});
    }
    const Namespace empty;
    const Aggregator aggregator(empty);
    REQUIRE_PARSED(ignored, "json", shmtop(empty, {"--json"}).output, {SNAPSHOT_SCHEMA_PATH});
}

TEST_CASE("JSON is of the schema wherever it goes and wherever it comes from") {
    const BusyNamespace busy;
    const TemporaryDirectory directory;
    const std::string file = directory / "snapshot.json";
    const std::string recording = directory / "r.trk";
    CHECK(busy.output_of({"--json", "-o", file}).empty());
    REQUIRE_PARSED(in_file, "json", read_file(file), {SNAPSHOT_SCHEMA_PATH});
    REQUIRE_PARSED(beside_recording, "json", busy.output_of({"--json", "--record", recording, "-n", "2", "-r", "10"}),
                   {SNAPSHOT_SCHEMA_PATH});
    REQUIRE_PARSED(replayed, "json", busy.output_of({"--json", "--replay", recording, "-n", "0"}), {SNAPSHOT_SCHEMA_PATH});
    REQUIRE_PARSED(awaited, "json", busy.output_of({"--json", "--check", "device[3].live_buffers == 3", "--wait", "20"}),
                   {SNAPSHOT_SCHEMA_PATH});
}

TEST_CASE("the past of a device is in the document where it is asked for") {
    const BusyNamespace busy;
    json history;
    REQUIRE(eventually([&] {
        history = device_row(json::parse(busy.output_of({"--json", "--history"})), 3).at("history");
        return history.at("seconds").size() >= 2;
    }));
    CHECK(history.at("seconds").back().at("live_bytes") == 420);
    CHECK(history.at("seconds").back().at("allocations_total") == 3);
    CHECK_FALSE(device_row(json::parse(busy.output_of({"--json"})), 3).contains("history"));
}

TEST_CASE("the schema demands and types every field that programs rely on, and allows more") {
    const BusyNamespace busy;
    REQUIRE_PARSED(ignored, "schema", busy.output_of({"--json"}), {SNAPSHOT_SCHEMA_PATH});
}

TEST_CASE("CSV holds what JSON holds, for a parser of CSV") {
    const BusyNamespace busy;
    const json snapshot = json::parse(busy.output_of({"--json"}));
    REQUIRE_PARSED(rows, "csv", busy.output_of({"--csv"}));
    std::size_t memories = 0;
    for (const json& device : snapshot.at("devices")) {
        for (const json& memory : device.at("types")) {
            ++memories;
            const json row = row_with(rows, {{"device", std::to_string(device.at("device").get<int>())},
                                             {"type", memory.at("type")}});
            REQUIRE(row.is_object());
            CHECK(row.at("name") == device.at("name"));
            for (const char* field : {"live_bytes", "live_buffers", "peak_bytes", "allocations_total",
                                      "deallocated_bytes_total", "allocation_failures_total", "gauge_bytes"}) {
                CAPTURE(field);
                CHECK(row.at(field) == std::to_string(memory.at(field).get<std::uint64_t>()));
            }
        }
    }
    CHECK(rows.size() == memories);
    CHECK(row_with(rows, {{"device", "3"}, {"type", "DRAM"}}).at("name") == awkward_name);
    CHECK(row_with(rows, {{"device", "3"}, {"type", "DRAM"}}).at("capacity_bytes") == "1000");
    CHECK(row_with(rows, {{"device", "3"}, {"type", "L1"}}).at("capacity_bytes") == "");
}

TEST_CASE("a query chooses the columns of CSV, and with them what a row is about") {
    const BusyNamespace busy;
    REQUIRE_PARSED(memories, "csv", busy.output_of({"--csv", "--query", "device,type,live_bytes,used_ratio"}));
    CHECK(row_with(memories, {{"device", "3"}, {"type", "DRAM"}}) ==
          json{{"device", "3"}, {"type", "DRAM"}, {"live_bytes", "400"}, {"used_ratio", "0.400000"}});

    REQUIRE_PARSED(devices, "csv", busy.output_of({"--query", "device", "--query", "live_bytes,peak_bytes"}));
    CHECK(row_with(devices, {{"device", "3"}}) == json{{"device", "3"}, {"live_bytes", "420"}, {"peak_bytes", "420"}});

    REQUIRE_PARSED(processes, "csv", busy.output_of({"--format", "csv", "--query", "pid,live_bytes,reported"}));
    CHECK(processes.size() == 2);
    CHECK(row_with(processes, {{"pid", std::to_string(busy.first.pid())}}).at("live_bytes") == "120");

    REQUIRE_PARSED(usage, "csv", busy.output_of({"--query", "pid,device,type,live_buffers,name"}));
    CHECK(row_with(usage, {{"pid", std::to_string(busy.second.pid())}, {"device", "65535"}}).at("name") == "host");

    REQUIRE_PARSED(whole, "csv", busy.output_of({"--query", "live_bytes,leaked_bytes,processes"}));
    CHECK(whole == json::array({{{"live_bytes", "4516"}, {"leaked_bytes", "11"}, {"processes", "2"}}}));
}

TEST_CASE("without a header CSV has its rows alone") {
    const BusyNamespace busy;
    for (const Arguments& arguments : {Arguments{"--csv=noheader", "--query", "live_bytes"},
                                       {"--format", "csv,noheader", "--query", "live_bytes"}}) {
        CHECK(busy.output_of(arguments) == "4516\n");
    }
    CHECK(busy.output_of({"--csv", "--query", "live_bytes"}) == "live_bytes\n4516\n");
}

TEST_CASE("metrics hold what JSON holds, for Prometheus's parser") {
    const BusyNamespace busy;
    REQUIRE_PARSED(samples, "prom", busy.output_of({"--format", "prom", "--all"}));
    const json place{{"device", "3"}, {"buffer_type", "DRAM"}};
    CHECK(sample(samples, "trackshm_up", json::object()) == 1);
    CHECK(sample(samples, "trackshm_live_bytes", place) == 400);
    CHECK(sample(samples, "trackshm_live_buffers", place) == 2);
    CHECK(sample(samples, "trackshm_capacity_bytes", place) == 1000);
    CHECK(sample(samples, "trackshm_allocations_total", place) == 2);
    CHECK(sample(samples, "trackshm_allocation_failures_total", place) == 1);
    CHECK(sample(samples, "trackshm_unbuffered_bytes", {{"device", "65535"}, {"buffer_type", "HOST"}}) == 4096);
    CHECK(sample(samples, "trackshm_device_info", {{"device", "3"}, {"name", awkward_name}}) == 1);
    CHECK(sample(samples, "trackshm_exited_leaked_bytes", json::object()) == 11);
    CHECK(sample(samples, "trackshm_process_live_bytes",
                 {{"pid", std::to_string(busy.first.pid())},
                  {"comm", busy.first.comm()},
                  {"device", "3"},
                  {"buffer_type", "L1"}}) == 20);
    REQUIRE_PARSED(without_processes, "prom", busy.output_of({"--format", "prom"}));
    for (const json& entry : without_processes) CHECK_FALSE(entry.at(1).contains("comm"));
}

// The first process holds 100 bytes there, the second one 300.
TEST_CASE("filters act in every format") {
    const BusyNamespace busy;
    const std::string pid = std::to_string(busy.second.pid());
    const Arguments only{"-d", "3", "-t", "DRAM", "-p", pid};
    const auto output = [&](Arguments arguments) {
        arguments.insert(arguments.end(), only.begin(), only.end());
        return busy.output_of(arguments);
    };
    const json snapshot = json::parse(output({"--json"}));
    REQUIRE(snapshot.at("devices").size() == 1);
    const json& device = snapshot.at("devices").at(0);
    CHECK(device.at("live_bytes") == 300);
    CHECK(device.at("live_buffers") == 1);
    CHECK(device.at("peak_bytes") == 400);  // of all processes
    REQUIRE(device.at("types").size() == 1);
    CHECK(device.at("types").at(0).at("live_bytes") == 300);
    REQUIRE(device.at("at_peak").at("holders").size() == 1);
    CHECK(device.at("at_peak").at("holders").at(0).at("pid") == busy.second.pid());
    CHECK(device.at("at_peak").at("rest_bytes") == 120);
    REQUIRE(snapshot.at("processes").size() == 1);
    CHECK(snapshot.at("processes").at(0).at("live_bytes") == 300);

    REQUIRE_PARSED(rows, "csv", output({"--csv"}));
    REQUIRE(rows.size() == 1);
    CHECK(rows.at(0).at("live_bytes") == "300");
    CHECK(rows.at(0).at("live_buffers") == "1");
    CHECK(output({"--csv=noheader", "--query", "device,type,live_bytes"}) == "3,DRAM,300\n");
    CHECK(output({"--csv=noheader", "--query", "live_bytes,processes"}) == "300,1\n");
    CHECK(output({"--csv=noheader", "--query", "pid,live_bytes"}) == pid + ",300\n");

    REQUIRE_PARSED(samples, "prom", output({"--format", "prom", "-a"}));
    CHECK(sample(samples, "trackshm_live_bytes", {{"device", "3"}, {"buffer_type", "DRAM"}}) == 300);
    for (const json& entry : samples) {
        if (entry.at(1).contains("pid") && entry.at(1).contains("comm")) CHECK(entry.at(1).at("pid") == pid);
        if (!entry.at(1).contains("buffer_type")) continue;
        CHECK(entry.at(1).at("device") == "3");
        CHECK(entry.at(1).at("buffer_type") == "DRAM");
    }
    const std::string text = output({"-1"});
    CHECK(text.find("300 B live in 1 buffer, 1 process tracked") != std::string::npos);
    CHECK(text.find("L1") == std::string::npos);

    CHECK(busy.output_of({"--csv=noheader", "--query", "device", "-d", "3", "--device", "4,9"}) == "3\n4\n");
    CHECK(busy.output_of({"--csv=noheader", "--query", "pid", "-s", "live", "--top", "1"}) == pid + "\n");
    CHECK(json::parse(busy.output_of({"--json", "-s", "pid", "--top", "1"})).at("processes").size() == 1);
}

TEST_CASE("a check judges what passes the filters, also while it waits") {
    const BusyNamespace busy;
    const std::string pid = std::to_string(busy.first.pid());
    const auto code_of = [&](const std::string& expression, Arguments more) {
        more.insert(more.begin(), {"--check", expression});
        return shmtop(busy.name_space, more).status.code;
    };
    CHECK(code_of("live_bytes == 4516", {}) == 0);
    CHECK(code_of("live_bytes == 120 && live_buffers == 2 && processes == 1", {"-p", pid}) == 0);
    CHECK(code_of("live_bytes == 120", {"-p", pid, "--wait", "30"}) == 0);
    CHECK(code_of("live_bytes == 4516", {"-p", pid}) == 10);
    CHECK(code_of("device[3].dram.live_bytes == 100 && device[4].live_bytes == 0", {"-p", pid}) == 0);
    CHECK(code_of("device[3].dram.used_ratio < 11%", {"-p", pid}) == 0);
    CHECK(code_of("device[3].dram.peak_bytes == 400 && device[3].dram.allocations_total == 2", {"-p", pid}) == 0);
    CHECK(code_of("live_bytes == 20", {"-p", pid, "-t", "L1"}) == 0);
    CHECK(code_of("live_bytes == 0 && leaked_bytes == 0", {"-p", std::to_string(getpid())}) == 0);
    CHECK(code_of("leaked_bytes == 11", {"-d", "3", "-t", "DRAM"}) == 0);  // an end knows no devices
    CHECK(code_of("live_bytes == 4516 && processes == 2", {"--top", "1"}) == 0);  // about what is shown
}

TEST_CASE("what cannot be asked for is a usage error that names it and the nearest there is") {
    const Namespace name_space;
    const auto refusal = [&](const Arguments& arguments) {
        const CommandResult result = shmtop(name_space, arguments);
        CHECK(result.status.exited_with(2));
        CHECK(result.output.empty());
        CHECK(std::count(result.error_output.begin(), result.error_output.end(), '\n') == 1);
        return result.error_output;
    };
    CHECK(refusal({"--csv", "--query", "device,live_byte"}).find("'live_byte'; did you mean 'live_bytes'?") !=
          std::string::npos);
    CHECK(refusal({"--query", "pid,capacity_bytes"}).find("capacity_bytes") != std::string::npos);
    CHECK(refusal({"--query", ""}).find("there is no field ''") != std::string::npos);
    CHECK(refusal({"--format", "xml"}).find("prom") != std::string::npos);
    CHECK(refusal({"--csv=nohead"}).find("nohead") != std::string::npos);
    refusal({"--json", "--csv"});
    refusal({"--json", "--query", "device"});
    refusal({"--format", "prom", "--csv"});
    refusal({"--wait", "1"});
    refusal({"--csv", "--history"});
    refusal({"--history"});
    refusal({"--check", "processes == 0", "--wait", "-1"});
}

TEST_CASE("the fields of a query are listed without an aggregator") {
    const Namespace name_space;
    for (const Arguments& arguments : {Arguments{"--help-query"}, {"--query", "help"}}) {
        const CommandResult result = shmtop(name_space, arguments);
        CHECK(result.status.exited_with(0));
        for (const char* field : {"device", "peak_bytes", "used_ratio", "comm", "leaked_bytes"}) {
            CHECK(result.output.find(field) != std::string::npos);
        }
    }
}

}  // namespace trackshm::test
