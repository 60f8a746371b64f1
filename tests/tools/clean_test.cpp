// SPDX-License-Identifier: Apache-2.0
#include "shmdump/clean.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "shm/names.hpp"
#include "shm/record_lock.hpp"
#include "support/temporary_directory.hpp"

namespace trackshm::tools {
namespace {

namespace fs = std::filesystem;

// Files in /dev/shm with the names of an aggregator's state, and nothing in them.
class State {
public:
    State() {
        for (const std::string& file : {ledger, table}) test::write_file(shm::path_of(file), "");
    }
    ~State() {
        for (const std::string& file : {ledger, table, stats}) fs::remove(shm::path_of(file));
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void add_stats() const { test::write_file(shm::path_of(stats), ""); }
    Inventory inventory() const { return Inventory::of(name_space); }
    std::size_t count() const {
        const auto all = {ledger, table, stats};
        return static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [](const auto& file) { return fs::exists(shm::path_of(file)); }));
    }

    const std::string name_space = "clean-" + std::to_string(getpid());
    const std::string ledger = shm::ledger_segment_name(name_space, geteuid());
    const std::string table = shm::table_segment_name(name_space, 1, 0xabc);
    const std::string stats = shm::stats_segment_name(name_space, geteuid());
};

// The lock of an aggregator that serves.
FileDescriptor serve(const State& state) {
    FileDescriptor fd = open_segment(state.stats, true);
    REQUIRE(shm::lock_as_description(fd.get(), shm::aggregator_byte));
    return fd;
}

std::size_t kept_files(const CleanResult& result) {
    const std::string line = "kept ";
    std::size_t count = 0;
    for (auto at = result.report.find(line); at != std::string::npos; at = result.report.find(line, at + 1)) ++count;
    return count;
}

TEST_CASE("the state of an aggregator that starts after the inventory was taken is kept") {
    const State state;
    const bool has_stats_before = GENERATE(true, false);
    if (has_stats_before) state.add_stats();
    const Inventory inventory = state.inventory();
    if (!has_stats_before) state.add_stats();
    {
        const FileDescriptor aggregator = serve(state);
        const CleanResult result = clean(inventory, true);
        INFO(result.report);
        CHECK(state.count() == 3);
        CHECK(kept_files(result) == inventory.segments().size());
        CHECK_FALSE(result.failed);
    }
    const CleanResult result = clean(state.inventory(), true);
    INFO(result.report);
    CHECK(state.count() == 0);
    CHECK(kept_files(result) == 0);
}

TEST_CASE("state without a stats segment is removed") {
    const State state;
    const CleanResult result = clean(state.inventory(), true);
    INFO(result.report);
    CHECK(state.count() == 0);
    CHECK_FALSE(result.failed);
}

}  // namespace
}  // namespace trackshm::tools
