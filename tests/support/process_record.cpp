// SPDX-License-Identifier: Apache-2.0
#include "support/process_record.hpp"

#include <catch2/catch.hpp>

#include "support/eventually.hpp"

namespace trackshm::test {

using nlohmann::json;

json snapshot_when(const Namespace& name_space, const std::function<bool(const json&)>& condition) {
    constexpr Milliseconds deadline{120000};
    json snapshot;
    const bool came = eventually([&] { return condition(snapshot = shmtop_json(name_space)); }, deadline);
    INFO(snapshot.dump());
    CHECK(came);
    return snapshot;
}

json wait_for_exit_record(const Namespace& name_space, pid_t pid) {
    json row;
    eventually([&] { return (row = exited_row(shmtop_json(name_space), pid)).is_object(); });
    REQUIRE(row.is_object());
    return row;
}

void check_all_released(const Namespace& name_space) {
    const json snapshot = shmtop_json(name_space);
    CHECK(live_bytes(snapshot) == 0);
    CHECK(live_buffers(snapshot) == 0);
    for (const json& device : snapshot.at("devices")) {
        CHECK(device.at("allocations_total") == device.at("deallocations_total"));
        CHECK(device.at("allocated_bytes_total") == device.at("deallocated_bytes_total"));
    }
    CHECK(imbalance(snapshot) == "");
}

void check_no_process_segments(const Namespace& name_space) {
    CHECK(eventually([&] { return name_space.segments("p").empty() && name_space.segments("l").empty(); }));
}

}  // namespace trackshm::test
