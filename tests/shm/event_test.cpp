// SPDX-License-Identifier: Apache-2.0
#include "shm/event.hpp"

#include <catch2/catch.hpp>

namespace trackshm::shm {

TEST_CASE("an event comes out of a slot as it went in") {
    Slot slot{};
    const Event event{EventKind::free_exact, 15, 65535, 0xfffffffe, 0xffffffffffffffff, max_size_bytes};
    store_slot(slot, 77, pack_what(event), event.id, event.size);
    Event loaded;
    load_event(loaded, slot);
    CHECK(loaded.kind == event.kind);
    CHECK(loaded.type == event.type);
    CHECK(loaded.device == event.device);
    CHECK(loaded.count == event.count);
    CHECK(loaded.id == event.id);
    CHECK(loaded.size == event.size);
    CHECK(slot.ticket.load() == 77);
}

TEST_CASE("a slot nobody wrote is no event") {
    const Slot slot{};
    Event event;
    load_event(event, slot);
    CHECK_FALSE(is_valid(event));
}

TEST_CASE("events out of range are not valid") {
    const Event good{EventKind::allocation, 0, 0, 1, 0, 0};
    CHECK(is_valid(good));
    Event bad = good;
    bad.type = type_count;
    CHECK_FALSE(is_valid(bad));
    bad = good;
    bad.size = max_size_bytes + 1;
    CHECK_FALSE(is_valid(bad));
    bad = good;
    bad.count = 0;
    CHECK_FALSE(is_valid(bad));
    bad = good;
    bad.kind = static_cast<EventKind>(16);
    CHECK_FALSE(is_valid(bad));
    Event name{EventKind::describe_device, 0, 0, name_bytes, 0, 0};
    CHECK_FALSE(is_valid(name));
    name.count = name_chunk_bytes + 1;
    CHECK_FALSE(is_valid(name));
    name.count = name_bytes - name_chunk_bytes;
    CHECK(is_valid(name));
}

TEST_CASE("an event stands for as many reports as its count, and a name for one in all its pieces") {
    CHECK(Event{EventKind::free_by_id, 0, 0, 5, 0, 0}.reports() == 5);
    CHECK(Event{EventKind::folded_pairs, 0, 0, 1, 9, 9}.reports() == 0);
    CHECK(Event{EventKind::describe_device, 0, 0, 0, 0, 0}.reports() == 1);
    CHECK(Event{EventKind::describe_device, 0, 0, name_chunk_bytes, 0, 0}.reports() == 0);
}

}  // namespace trackshm::shm
