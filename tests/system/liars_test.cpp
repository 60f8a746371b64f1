// SPDX-License-Identifier: Apache-2.0
//
// Segments that lie. Whatever one process does to its segment, or somebody of the same user to any process's, costs that
// process its tracking and nobody else anything: the aggregator lives, and a bystander stays exact and is answered soon.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "shm/record_lock.hpp"
#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/foreign_segment.hpp"
#include "support/script.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

namespace fs = std::filesystem;

constexpr unsigned bystanders_device = 1;
constexpr unsigned liars_device = 2;
constexpr std::uint64_t far_away = std::uint64_t{1} << 40;

// An aggregator, an honest process and one whose segment is about to lie.
class Scene {
public:
    Scene() {
        honest_("alloc 1 1000 0 1");
        honest_.sync();
        // Few slots in a ring, so that whatever is scribbled there is come across soon.
        liar_ = std::make_unique<Script>(name_space_, Environment{{"TRACKSHM_RING_EVENTS", "256"}});
        (*liar_)("fill 2 50 2 0 1 10");
        liar_->sync();
    }

    const Namespace& name_space() const { return name_space_; }
    Aggregator& aggregator() { return *aggregator_; }
    pid_t honest_pid() const { return honest_.pid(); }
    Script& liar() { return *liar_; }
    ForeignSegment liars_segment() const { return {name_space_, liar_->pid()}; }

    // The bystander reports and is answered; its figures are exact.
    void check_bystander() {
        ++honest_buffers_;
        honest_("alloc 1 1000 0 " + std::to_string(honest_buffers_));
        REQUIRE(honest_("sync 20000") == "0");
        const json row = process_row(shmtop_json(name_space_), honest_.pid());
        REQUIRE(row.is_object());
        CHECK(row.at("exact") == true);
        CHECK(row.at("live_buffers") == honest_buffers_);
        CHECK(row.at("live_bytes") == honest_buffers_ * 1000);
        CHECK_FALSE(aggregator_->child().has_ended());
    }

    bool is_quarantined(unsigned processes = 1) const {
        return shmtop_json(name_space_).at("events").at("quarantined_processes") == processes;
    }

    // The liar ends: its bytes leave, and the aggregator is as healthy as ever.
    void check_the_end() {
        liar_->child().kill();
        CHECK(eventually([&] { return exited_row(shmtop_json(name_space_), liar_->pid()).is_object(); }));
        const json snapshot = shmtop_json(name_space_);
        CHECK(device_row(snapshot, liars_device).at("live_bytes") == 0);
        CHECK(device_row(snapshot, liars_device).at("live_buffers") == 0);
        CHECK(device_row(snapshot, bystanders_device).at("live_buffers") == honest_buffers_);
        check_bystander();
        CHECK(name_space_.segments("l").size() == 1);
        CHECK(name_space_.segments("tmp").empty());
        CHECK(aggregator_->terminate().exited_with(0));
    }

    void restart_aggregator() {
        aggregator_->child().kill();
        aggregator_ = std::make_unique<Aggregator>(name_space_);
    }

private:
    Namespace name_space_;
    std::unique_ptr<Aggregator> aggregator_ = std::make_unique<Aggregator>(name_space_);
    Script honest_{name_space_};
    std::unique_ptr<Script> liar_;
    std::uint64_t honest_buffers_ = 1;
};

struct Lie {
    const char* what;
    std::function<void(const ForeignSegment&)> tell;
};

void publish_slot(const ForeignSegment& segment, std::uint32_t lane, std::uint64_t ticket, const shm::Event& event) {
    const std::uint64_t position = segment.lane(lane).write_position;
    shm::store_slot(segment.slot(lane, position), ticket, shm::pack_what(event), event.id, event.size);
    segment.lane(lane).write_position = position + 1;
}

// With a ticket of its own.
void publish_next(const ForeignSegment& segment, const shm::Event& event) {
    publish_slot(segment, 1, segment.header().tickets.fetch_add(1), event);
}

const shm::Event small_event{shm::EventKind::allocation, 0, liars_device, 1, 1234567, 1};

const std::vector<Lie> lies_seen_in_a_pass = {
    {"a write position far ahead", [](const auto& s) { s.lane(0).write_position += far_away; }},
    {"a write position just past the capacity",
     [](const auto& s) { s.lane(1).write_position += s.header().slots_per_lane + 1; }},
    {"a write position one step back", [](const auto& s) { s.lane(1).write_position -= 1; }},
    {"a write position at zero again", [](const auto& s) { s.lane(1).write_position = 0; }},
    {"one ticket in two lanes",
     [](const auto& s) {
         const std::uint64_t ticket = s.header().tickets;
         publish_slot(s, 0, ticket, small_event);
         publish_slot(s, 1, ticket, small_event);
         s.header().tickets += 2;
     }},
    {"a slot of a ticket that was given out and applied before",
     [](const auto& s) { publish_slot(s, 1, 0, small_event); }},
    {"tickets of one lane that go back",
     [](const auto& s) {
         const std::uint64_t ticket = s.header().tickets;
         publish_slot(s, 1, ticket + 1, small_event);
         publish_slot(s, 1, ticket, small_event);
         s.header().tickets += 2;
     }},
    {"a ticket counter that goes back", [](const auto& s) { s.header().tickets -= 1; }},
    {"a ticket counter no process can reach", [](const auto& s) { s.header().tickets = ~std::uint64_t{0}; }},
    {"an event of no known kind",
     [](const auto& s) {
         publish_next(s, {static_cast<shm::EventKind>(200), 0, liars_device, 1, 1, 1});
     }},
    {"an event larger than any buffer",
     [](const auto& s) {
         publish_next(s, {shm::EventKind::allocation, 0, liars_device, 1, 1, ~std::uint64_t{0}});
     }},
    {"more coalesced reports than there can be",
     [](const auto& s) {
         for (int i = 0; i < 200; ++i) {  // each as many as one slot may tell
             publish_next(s, {shm::EventKind::coalesced_reports, 0, 0, 1, shm::most_folded_events, 0});
         }
     }},
    {"more folded pairs than there can be",
     [](const auto& s) {
         publish_next(s, {shm::EventKind::folded_pairs, 0, liars_device, 1, std::uint64_t{1} << 63, 0});
     }},
    {"folded pairs of more bytes than buffers have",
     [](const auto& s) {
         publish_next(s, {shm::EventKind::folded_pairs, 0, liars_device, 1, 1, ~std::uint64_t{0}});
     }},
    {"more folded frees than there can be",
     [](const auto& s) {
         publish_next(s, {shm::EventKind::folded_frees, 0, 0, 1, std::uint64_t{1} << 63, 0});
     }},
    {"as many folded pairs as one slot may tell, over and over",
     [](const auto& s) {
         for (int i = 0; i < 200; ++i) {
             publish_next(s, {shm::EventKind::folded_pairs, 0, liars_device, 1, shm::most_folded_events, 0});
         }
     }},
    {"more dropped events than a process can report", [](const auto& s) { s.header().dropped = ~std::uint64_t{0}; }},
    {"another magic", [](const auto& s) { s.header().magic = 1; }},
    {"another count of slots", [](const auto& s) { s.header().slots_per_lane *= 2; }},
    {"another nonce and pid", [](const auto& s) { s.header().nonce ^= 1, s.header().pid = 1; }},
    {"a segment cut to nothing", [](const auto& s) { REQUIRE(ftruncate(s.fd(), 0) == 0); }},
    {"a segment cut behind its header", [](const auto& s) { REQUIRE(ftruncate(s.fd(), shm::page_bytes) == 0); }},
};

void write_file(const std::string& path, const void* content, std::size_t bytes) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, content, bytes) == static_cast<ssize_t>(bytes));
    close(fd);
}

std::string process_path(const Namespace& name_space, const std::string& pid, const std::string& nonce) {
    return "/dev/shm/trackshm." + name_space.name() + ".p." + pid + "." + nonce;
}

bool name_space_is_clean(const Namespace& name_space, const std::string& ending) {
    const auto names = name_space.segments("p");
    return std::none_of(names.begin(), names.end(), [&](const std::string& name) { return name.ends_with(ending); });
}

}  // namespace

TEST_CASE("random bytes anywhere in a segment cost only the process they are about") {
    const unsigned seed = std::random_device{}();
    INFO("seed " << seed);
    struct Part {
        const char* name;
        std::uint64_t offset;
        std::uint64_t bytes;
    };
    const Part part = GENERATE_COPY(Part{"header", 0, sizeof(shm::ProcessHeader)},
                                    Part{"lane headers", shm::lanes_offset, 4 * sizeof(shm::LaneHeader)},
                                    Part{"slots", shm::slots_offset, 3 * 256 * sizeof(shm::Slot)},
                                    Part{"everything", 0, shm::process_segment_bytes(256)});
    INFO(part.name);
    Scene scene;
    const ForeignSegment segment = scene.liars_segment();
    {
        std::mt19937_64 random(seed);
        const Meanwhile scribbles([&] {
            const std::uint64_t word = random();
            std::memcpy(segment.data() + part.offset + random() % (part.bytes / 8) * 8, &word, sizeof word);
        });
        for (int i = 0; i < 5; ++i) {
            scene.liar()("fill 1 100 2 0 1000 10");
            scene.check_bystander();
        }
        CHECK(eventually([&] {
            scene.liar()("fill 1 100 2 0 1000 10");
            return scene.is_quarantined();
        }));
        scene.check_bystander();
    }
    scene.check_the_end();
}

TEST_CASE("a process is quarantined for what no honest process does") {
    for (const Lie& lie : lies_seen_in_a_pass) {
        INFO(lie.what);
        Scene scene;
        lie.tell(scene.liars_segment());
        CHECK(eventually([&] { return scene.is_quarantined(); }));
        const json row = process_row(shmtop_json(scene.name_space()), scene.liar().pid());
        CHECK(row.at("exact") == false);
        scene.check_bystander();
        scene.check_the_end();
    }
}

TEST_CASE("tickets that were never used are pending for ever, and a loss in the end") {
    Scene scene;
    scene.liars_segment().header().tickets += 1000;
    CHECK(eventually([&] {
        return process_row(shmtop_json(scene.name_space()), scene.liar().pid()).at("pending") == 1000;
    }));
    scene.check_bystander();
    scene.check_the_end();
}

TEST_CASE("a ticket counter that goes back is noticed, however many tickets it had run ahead") {
    Scene scene;
    scene.liars_segment().header().tickets += 1000;
    REQUIRE(eventually([&] {
        return process_row(shmtop_json(scene.name_space()), scene.liar().pid()).at("pending") == 1000;
    }));
    scene.liars_segment().header().tickets -= 500;
    CHECK(eventually([&] { return scene.is_quarantined(); }));
    scene.check_bystander();
    scene.check_the_end();
}

TEST_CASE("an aggregator that finds positions moved while none was running goes on without that process") {
    Scene scene;
    scene.aggregator().child().kill();
    const ForeignSegment segment = scene.liars_segment();
    for (std::uint32_t i = 0; i < shm::lane_count; ++i) segment.lane(i).read_position = far_away * (i + 1);
    segment.lane(1).write_position = 3;
    scene.restart_aggregator();
    CHECK(eventually([&] { return scene.is_quarantined(); }));
    scene.check_bystander();
    scene.check_the_end();
}

TEST_CASE("what a liar had said before it lied is what a restarted aggregator says of it, and releases at its end") {
    for (const Lie& lie : lies_seen_in_a_pass) {
        INFO(lie.what);
        Scene scene;
        const ForeignSegment segment = scene.liars_segment();
        const auto row = [&] { return process_row(shmtop_json(scene.name_space()), scene.liar().pid()); };
        segment.header().dropped = 7;
        segment.header().rejected = 5;
        REQUIRE(eventually([&] { return row().at("dropped") == 7 && row().at("rejected") == 5; }));
        lie.tell(segment);
        REQUIRE(eventually([&] { return scene.is_quarantined(); }));
        const json before = shmtop_json(scene.name_space());
        const json row_before = row();

        scene.restart_aggregator();
        CHECK(scene.is_quarantined());
        CHECK(shmtop_json(scene.name_space()).at("events") == before.at("events"));
        CHECK(row() == row_before);
        scene.check_bystander();
        scene.check_the_end();
    }
}

TEST_CASE("a segment that is broken when an aggregator starts costs its process alone, and is released with it") {
    const std::string kind = GENERATE("cut off", "another magic", "a directory", "another one of the same name");
    INFO(kind);
    Scene scene;
    scene.aggregator().child().kill();
    const ForeignSegment segment = scene.liars_segment();
    if (kind == "cut off") REQUIRE(ftruncate(segment.fd(), 0) == 0);
    if (kind == "another magic") segment.header().magic = 1;
    if (kind == "a directory") {
        REQUIRE(unlink(segment.path().c_str()) == 0);
        REQUIRE(mkdir(segment.path().c_str(), 0700) == 0);
    }
    if (kind == "another one of the same name") {
        std::vector<std::byte> image(segment.data(), segment.data() + segment.bytes());
        auto* const lanes = reinterpret_cast<shm::LaneHeader*>(image.data() + shm::lanes_offset);
        lanes[1].write_position = lanes[1].read_position = 3;
        REQUIRE(unlink(segment.path().c_str()) == 0);
        write_file(segment.path(), image.data(), image.size());
    }
    scene.restart_aggregator();
    const json snapshot = shmtop_json(scene.name_space());
    CHECK(snapshot.at("events").at("reported") == 101);
    const json row = process_row(snapshot, scene.liar().pid());
    if (row.is_null()) {
        REQUIRE((kind == "a directory" || kind == "another one of the same name"));
        CHECK(exited_row(snapshot, scene.liar().pid()).at("exact") == false);  // nothing tells whether it lives
    } else {
        CHECK(row.at("exact") == false);
        CHECK(row.at("live_buffers") == 100);
        CHECK(scene.is_quarantined());
    }
    scene.check_bystander();
    scene.check_the_end();
    if (kind == "a directory") fs::remove(segment.path());
}

TEST_CASE("a process whose segment nobody may open any more waits, and is released when it ends") {
    Scene scene;
    const std::string link_name = "/dev/shm/" + scene.name_space().name() + ".second-name";
    REQUIRE(link(scene.liars_segment().path().c_str(), link_name.c_str()) == 0);
    scene.restart_aggregator();
    json snapshot = shmtop_json(scene.name_space());
    CHECK(snapshot.at("events").at("waiting_processes") == 1);
    CHECK(snapshot.at("aggregator").at("exact") == false);
    CHECK(device_row(snapshot, liars_device).at("live_buffers") == 100);
    scene.check_bystander();
    scene.liar().child().kill();
    REQUIRE(eventually([&] { return exited_row(shmtop_json(scene.name_space()), scene.liar().pid()).is_object(); }));
    snapshot = shmtop_json(scene.name_space());
    CHECK(exited_row(snapshot, scene.liar().pid()).at("exact") == false);
    CHECK(device_row(snapshot, liars_device).at("live_buffers") == 0);
    CHECK(snapshot.at("events").at("reported") == 102);
    CHECK(eventually([&] { return shmtop_json(scene.name_space()).at("events").at("waiting_processes") == 0; }));
    CHECK(unlink(link_name.c_str()) == 0);
}

TEST_CASE("counters that a process takes back are a lie") {
    Scene scene;
    const ForeignSegment segment = scene.liars_segment();
    auto& counter = GENERATE(false, true) ? segment.header().dropped : segment.header().rejected;
    counter = 7;
    REQUIRE(eventually([&] {
        const json row = process_row(shmtop_json(scene.name_space()), scene.liar().pid());
        return row.at("dropped") == 7 || row.at("rejected") == 7;
    }));
    counter = 6;
    CHECK(eventually([&] { return scene.is_quarantined(); }));
    scene.check_bystander();
    scene.check_the_end();
}

TEST_CASE("a segment of enormous size takes no more of the aggregator than an honest one") {
    Scene scene;
    REQUIRE(ftruncate(scene.liars_segment().fd(), std::int64_t{1} << 46) == 0);
    scene.restart_aggregator();
    scene.check_bystander();
    CHECK(process_row(shmtop_json(scene.name_space()), scene.liar().pid()).at("live_buffers") == 100);
    scene.check_the_end();
}

TEST_CASE("an estate that is not there is not looked for beyond the file") {
    const auto [offset, count] = GENERATE(table<std::uint64_t, std::uint64_t>({{0, 1},
                                                                              {1, 1},
                                                                              {~std::uint64_t{0}, 1},
                                                                              {0, ~std::uint64_t{0}},
                                                                              {std::uint64_t{1} << 52, 1000},
                                                                              {4096, shm::max_estate_slots}}));
    INFO(offset << " " << count);
    Scene scene;
    const ForeignSegment segment = scene.liars_segment();
    segment.header().estate_offset = offset;
    segment.header().estate_count = count;
    scene.liar()("alloc 2 10 0 5000");
    scene.check_bystander();
    scene.check_the_end();
}

TEST_CASE("what has taken the place of a segment is not removed with it") {
    Scene scene;
    const ForeignSegment segment = scene.liars_segment();
    const std::string path = segment.path();
    std::vector<std::byte> image(segment.data(), segment.data() + segment.bytes());
    REQUIRE(unlink(path.c_str()) == 0);
    const std::string kind = GENERATE("nothing", "file", "symlink", "fifo", "directory", "another segment");
    INFO(kind);
    if (kind == "file") write_file(path, "mine", 4);
    if (kind == "symlink") REQUIRE(symlink("/etc/passwd", path.c_str()) == 0);
    if (kind == "fifo") REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    if (kind == "directory") REQUIRE(mkdir(path.c_str(), 0700) == 0);
    if (kind == "another segment") {
        reinterpret_cast<shm::ProcessHeader*>(image.data())->tickets = 1;
        write_file(path, image.data(), image.size());
    }
    scene.check_bystander();
    CHECK(process_row(shmtop_json(scene.name_space()), scene.liar().pid()).at("live_buffers") == 100);
    scene.check_the_end();
    // Another segment counts as one of a process that ended.
    CHECK((kind == "nothing" || kind == "another segment" || fs::exists(fs::symlink_status(path))));
}

TEST_CASE("headers that lie about sizes, offsets and pids are not attached") {
    using Header = shm::ProcessHeader;
    const std::vector<void (*)(Header&)> lies = {
        [](Header& header) { header.slots_per_lane = 1u << 20; }, [](Header& header) { header.slots_per_lane = 0; },
        [](Header& header) { header.slots_per_lane = 100; },      [](Header& header) { header.lanes = 1u << 30; },
        [](Header& header) { header.lanes_offset = ~0ull; },      [](Header& header) { header.slots_offset += 8; },
        [](Header& header) { header.header_bytes = 0; },          [](Header& header) { header.boot_id ^= 1; },
    };
    Scene scene;
    const ForeignSegment honest = scene.liars_segment();
    const std::vector<std::byte> sound(honest.data(), honest.data() + shm::process_segment_bytes(256));
    const std::vector<std::string> pids{"0", "1", "-1", "4242424", std::to_string(scene.aggregator().child().pid()),
                                        std::to_string(scene.honest_pid())};
    std::vector<std::string> paths;
    for (std::size_t i = 0; i < lies.size(); ++i) {
        std::vector<std::byte> image = sound;
        auto& header = *reinterpret_cast<Header*>(image.data());
        header.nonce = 0xabc0 + i;
        header.start_ticks += 1;  // the liar's, and not also those of who started within the same tick
        lies[i](header);
        const std::string& pid = pids[i % pids.size()];
        header.pid = std::stoi(pid);
        paths.push_back(process_path(scene.name_space(), pid, "abc" + std::to_string(i)));
        write_file(paths.back(), image.data(), image.size());
    }
    paths.push_back(process_path(scene.name_space(), "4242424", "0"));
    write_file(paths.back(), std::vector<std::byte>(sound.size()).data(), sound.size());  // nothing but zeros
    scene.check_bystander();
    scene.restart_aggregator();
    scene.check_bystander();
    CHECK(shmtop_json(scene.name_space()).at("processes").size() == 2);
    for (const std::string& path : paths) CHECK(fs::exists(path));
    scene.check_the_end();
    const CommandResult cleaned = run({SHMDUMP_PATH, "--namespace", scene.name_space().name(), "clean", "--all"});
    INFO(cleaned.output << cleaned.error_output);
    CHECK(cleaned.status.exited_with(0));
    for (const std::string& path : paths) CHECK_FALSE(fs::exists(path));
}

TEST_CASE("segments that claim living processes' pids but hold no lock are accounted for as ended") {
    Scene scene;
    const ForeignSegment honest = scene.liars_segment();
    std::vector<std::byte> image(honest.data(), honest.data() + shm::process_segment_bytes(256));
    auto& header = *reinterpret_cast<shm::ProcessHeader*>(image.data());
    const std::vector<std::string> pids{"0", "1", "-1", std::to_string(scene.aggregator().child().pid()),
                                        std::to_string(scene.honest_pid())};
    header.nonce = 0xabc;
    for (const std::string& pid : pids) {
        header.pid = std::stoi(pid);
        const std::string path = process_path(scene.name_space(), pid, "abc");
        write_file(path + ".new", image.data(), image.size());
        fs::rename(path + ".new", path);
    }
    CHECK(eventually([&] { return name_space_is_clean(scene.name_space(), ".abc"); }));
    scene.check_bystander();
    CHECK(shmtop_json(scene.name_space()).at("exited").size() == pids.size());
    scene.check_the_end();
}

TEST_CASE("a segment that claims another process's pid is shown under that of whoever holds its lock") {
    Scene scene;
    const ForeignSegment honest = scene.liars_segment();
    std::vector<std::byte> image(honest.data(), honest.data() + honest.bytes());
    auto& header = *reinterpret_cast<shm::ProcessHeader*>(image.data());
    header.nonce = 0xabc;
    header.pid = scene.honest_pid();
    const std::string path = process_path(scene.name_space(), std::to_string(scene.honest_pid()), "abc");
    write_file(path + ".new", image.data(), image.size());
    const int fd = open((path + ".new").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(shm::lock_as_process(fd, shm::liveness_byte));
    fs::rename(path + ".new", path);
    CHECK(eventually([&] { return process_row(shmtop_json(scene.name_space()), getpid()).is_object(); }));
    scene.check_bystander();
    scene.restart_aggregator();
    scene.check_bystander();
    close(fd);
    CHECK(eventually([&] { return name_space_is_clean(scene.name_space(), ".abc"); }));
    scene.check_bystander();
    scene.check_the_end();
}

TEST_CASE("a header that changes while it is checked does not lead beyond the segment") {
    Scene scene;
    for (int i = 0; i < 10; ++i) {
        scene.aggregator().child().kill();
        Script other(scene.name_space(), {{"TRACKSHM_RING_EVENTS", "256"}});
        other("fill 2 50 2 0 1 10");
        const ForeignSegment segment(scene.name_space(), other.pid());
        segment.header().lanes_used = shm::lane_count;
        segment.lane(shm::lane_count - 1).write_position = 1;
        segment.header().tickets += 1;
        const Meanwhile flips([&] {
            segment.header().slots_per_lane = shm::max_slots_per_lane;
            segment.header().slots_per_lane = 256;
        });
        scene.restart_aggregator();
        scene.check_bystander();
    }
}

TEST_CASE("thousands of names that lead nowhere delay others for a moment only") {
    Scene scene;
    const ForeignSegment honest = scene.liars_segment();
    std::vector<std::byte> image(honest.data(), honest.data() + shm::process_segment_bytes(256));
    auto& header = *reinterpret_cast<shm::ProcessHeader*>(image.data());
    for (int i = 0; i < 3000; ++i) write_file(process_path(scene.name_space(), std::to_string(i + 1), "f00d"), "", 0);
    // These look like segments of processes that ended.
    for (int i = 0; i < 300; ++i) {
        header.pid = 1'000'000 + i;
        header.nonce = 0xdead;
        write_file(process_path(scene.name_space(), std::to_string(header.pid), "dead"), image.data(), image.size());
    }
    for (int i = 0; i < 10; ++i) {
        const std::string path = process_path(scene.name_space(), "77777", "f00d");
        fs::rename(process_path(scene.name_space(), "1", "f00d"), path);  // news: look again
        scene.check_bystander();
        fs::rename(path, process_path(scene.name_space(), "1", "f00d"));
    }
    CHECK(eventually([&] { return name_space_is_clean(scene.name_space(), ".dead"); }));
    scene.check_the_end();
}

TEST_CASE("a segment whose owner holds a lease on it makes nobody wait") {
    signal(SIGIO, SIG_IGN);  // the kernel's word that somebody wants to open it
    Scene scene;
    const std::string path = process_path(scene.name_space(), "12345", "1ea5e");
    write_file(path + ".new", "not a segment", 13);
    const int fd = open((path + ".new").c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(fcntl(fd, F_SETLEASE, F_RDLCK) == 0);
    fs::rename(path + ".new", path);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i) scene.check_bystander();
    // An opener that waits gives up after 45 s by default.
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
    scene.check_the_end();
    close(fd);
}

TEST_CASE("a host whose segment is scribbled over from the aggregator's side runs on") {
    const unsigned seed = std::random_device{}();
    INFO("seed " << seed);
    const Namespace name_space;
    const bool served = GENERATE(true, false);
    std::unique_ptr<Aggregator> aggregator;
    if (served) aggregator = std::make_unique<Aggregator>(name_space);
    Script host(name_space, {{"TRACKSHM_RING_EVENTS", "256"}});
    host("fill 4 100 0 0 1 10");
    const ForeignSegment segment(name_space, host.pid());
    std::mt19937_64 random(seed);
    const Meanwhile scribbles([&] {
        segment.header().watermark = random();
        for (std::uint32_t i = 0; i < 8; ++i) {
            auto& position = segment.lane(i).read_position;
            // Near the truth, where it does most harm, and anywhere.
            position = random() % 2 == 0 ? segment.lane(i).write_position - random() % 512 : random();
        }
    });
    for (int i = 0; i < 5; ++i) {
        host("storm 4 5000 0 0 100000 8");
        host("sync 200");
    }
    if (aggregator) CHECK_FALSE(aggregator->child().has_ended());
    CHECK(host.finish().exited_with(0));
}

}  // namespace trackshm::test
