// SPDX-License-Identifier: Apache-2.0
#include "shm/names.hpp"

#include <catch2/catch.hpp>

namespace trackshm::shm {

TEST_CASE("a namespace has 1 to 32 letters, digits, underscores and hyphens") {
    CHECK(is_valid_namespace("default"));
    CHECK(is_valid_namespace("A-z_09"));
    CHECK(is_valid_namespace(std::string(32, 'x')));
    CHECK_FALSE(is_valid_namespace(""));
    CHECK_FALSE(is_valid_namespace(std::string(33, 'x')));
    for (const char* bad : {"a.b", "a/b", "..", "a b", "\xc3\xa4", "a\n"}) CHECK_FALSE(is_valid_namespace(bad));
}

TEST_CASE("names of segments parse back to what they were made of") {
    const auto process = parse_segment_name(process_segment_name("ns-1", 4711, 0xfedcba9876543210));
    REQUIRE(process);
    CHECK(process->kind == SegmentKind::process);
    CHECK(process->name_space == "ns-1");
    CHECK(process->pid == 4711);
    CHECK(process->nonce == 0xfedcba9876543210);

    const auto table = parse_segment_name(table_segment_name("ns", 1, 2));
    REQUIRE(table);
    CHECK(table->kind == SegmentKind::table);
    const auto temporary = parse_segment_name(temporary_segment_name("ns", 1, 2));
    REQUIRE(temporary);
    CHECK(temporary->kind == SegmentKind::temporary);

    const auto stats = parse_segment_name(stats_segment_name("ns", 1000));
    REQUIRE(stats);
    CHECK(stats->kind == SegmentKind::stats);
    CHECK(stats->uid == 1000);
    const auto ledger = parse_segment_name(ledger_segment_name("ns", 0));
    REQUIRE(ledger);
    CHECK(ledger->kind == SegmentKind::ledger);
}

TEST_CASE("a name has one spelling: another one is nobody's") {
    for (const char* alias : {"trackshm.a.p.7.0b", "trackshm.a.p.07.b", "trackshm.a.p.7.B", "trackshm.a.l.-07.b", "trackshm.a.p.-0.b",
                              "trackshm.a.tmp.7.00", "trackshm.a.stats.00", "trackshm.a.ledger.01"}) {
        CAPTURE(alias);
        CHECK_FALSE(parse_segment_name(alias));
    }
}

TEST_CASE("files of others are not taken for segments") {
    for (const char* file : {"", "trackshm", "trackshm.", "trackshm.ns", "trackshm.ns.", "trackshm.ns.q.1.2",
                             "trackshm.ns.p.1", "trackshm.ns.p..2", "trackshm.ns.p.x.2", "trackshm.ns.p.1.xyz",
                             "trackshm.ns.p.1.2.3", "trackshm..p.1.2", "trackshm.ns.stats.", "trackshm.ns.stats.-1",
                             "trackshm.ns.stats.1.2", "xtrackshm.ns.p.1.2", "trackshm.ns.p.99999999999.2"}) {
        INFO(file);
        CHECK_FALSE(parse_segment_name(file));
    }
}

}  // namespace trackshm::shm
