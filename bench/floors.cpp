// SPDX-License-Identifier: Apache-2.0
//
// floors: what this machine takes for what no tracker of this kind can leave out, with nothing else around it. A goal below
// its floor cannot be reached here, however good the code.
//
// - a slot: one thread takes a ticket (fetch_add), stores 32 bytes and publishes a position (release), 1024 times; either the
//   ring's lines are its own, or another core has read them since, as it must where somebody drains them, and given them up.
// - a ring: the same without a pause into a ring of 262144 slots, while a thread on the other core reads all of every slot and
//   gives positions back. What goes from one core to the other in pipeline, without a table, counters or a publication. It
//   reads at once whatever there is, and takes the position's line from the writer each time. Whoever lets the ring fill
//   meanwhile may be faster: of all floors, this one is no bound.
// - a buffer's line: 64 bytes somewhere among those of N buffers are looked at and changed, in an order that is known 64 in
//   advance and fetched ahead. What a table does at the very least with an event whose buffer is in no cache.
// - a segment: the system calls that make, fill, lock and name a segment as large as that of a process, and the first step of
//   a lane.
// - waiting: epoll_pwait2 for 4 ms again and again, and one load from each of P pages after each.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "aggregator/event_wait.hpp"
#include "harness/experiment.hpp"
#include "harness/observation.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/process_abi.hpp"
#include "shm/record_lock.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

// ---- slots ----------------------------------------------------------------------------------------------------------

struct alignas(32) BareSlot {
    std::array<std::atomic<std::uint64_t>, 4> words;
};

struct BareRing {
    explicit BareRing(std::uint64_t capacity) : slots(capacity) {}

    void push(std::uint64_t event) noexcept {
        const std::uint64_t ticket = tickets.fetch_add(1, std::memory_order_relaxed);
        BareSlot& slot = slots[written & (slots.size() - 1)];
        slot.words[0].store(event, std::memory_order_relaxed);
        slot.words[1].store(event << 12, std::memory_order_relaxed);
        slot.words[2].store(event & 0xffff, std::memory_order_relaxed);
        slot.words[3].store(ticket, std::memory_order_relaxed);
        position.store(++written, std::memory_order_release);
    }
    // All words of these slots, whose lines are given up then, as the aggregator does.
    std::uint64_t take(std::uint64_t from, std::uint64_t to) const noexcept {
        std::uint64_t sum = 0;
        for (; from != to; ++from) {
            const BareSlot& slot = slots[from & (slots.size() - 1)];
            for (const auto& word : slot.words) sum += word.load(std::memory_order_relaxed);
            if ((from & 1) != 0) shm::flush_line(&slot);
        }
        return sum;
    }

    std::vector<BareSlot> slots;
    std::uint64_t written = 0;
    alignas(64) std::atomic<std::uint64_t> tickets{0};
    alignas(64) std::atomic<std::uint64_t> position{0};
    alignas(64) std::atomic<std::uint64_t> read_position{0};
};

std::atomic<std::uint64_t> sink{0};  // what was read is used

Figures store_slots(const nlohmann::json& arguments) {
    constexpr std::uint64_t ring_slots = 4096;
    const bool lines_travel = arguments.at("lines_travel").get<bool>();
    const auto bursts = arguments.at("bursts").get<std::uint64_t>();
    BareRing ring(ring_slots);
    // Looking at the position all the time would take its line from the writer at every event.
    alignas(64) std::atomic<std::uint64_t> burst_end{0};
    std::atomic<bool> stop{false};
    std::thread reader([&] {
        pin_to(Core::consumer);
        while (!stop.load(std::memory_order_relaxed)) {
            const std::uint64_t seen = burst_end.load(std::memory_order_acquire);
            if (seen == ring.read_position.load(std::memory_order_relaxed)) continue;
            if (lines_travel) sink += ring.take(seen - events_per_burst, seen);
            ring.read_position.store(seen, std::memory_order_release);
        }
    });
    pin_to(Core::producer);
    BatchTimes times(events_per_burst, bursts);
    for (std::uint64_t burst = 0; burst < bursts; ++burst) {
        times.start();
        for (std::uint64_t i = 0; i < events_per_burst; ++i) ring.push(i);
        times.lap();
        burst_end.store(ring.written, std::memory_order_release);
        while (ring.read_position.load(std::memory_order_acquire) != ring.written) {
        }
    }
    stop = true;
    reader.join();
    Figures figures = Figures::object();
    times.summarize(figures);
    return figures;
}

Figures move_slots(const nlohmann::json& arguments) {
    constexpr std::uint64_t ring_slots = 262144;
    constexpr std::uint64_t slots_at_a_time = 512;
    const auto events = arguments.at("events").get<std::uint64_t>();
    BareRing ring(ring_slots);
    std::thread reader([&] {
        pin_to(Core::consumer);
        for (std::uint64_t from = 0; from < events;) {
            const std::uint64_t there = ring.position.load(std::memory_order_acquire);
            const std::uint64_t to = std::min(there, from + slots_at_a_time);
            sink += ring.take(from, to);
            if (from != to) ring.read_position.store(from = to, std::memory_order_release);
        }
    });
    pin_to(Core::producer);
    const std::uint64_t start_ns = now_ns();
    std::uint64_t room_until = ring_slots;
    for (std::uint64_t i = 0; i < events; ++i) {
        while (i == room_until) room_until = ring.read_position.load(std::memory_order_acquire) + ring_slots;
        ring.push(i);
    }
    reader.join();
    const auto elapsed_ns = static_cast<double>(now_ns() - start_ns);
    return {{"events_per_s", static_cast<double>(events) * 1e9 / elapsed_ns},
            {"ns_per_event", elapsed_ns / static_cast<double>(events)}};
}

// ---- memory ---------------------------------------------------------------------------------------------------------

struct alignas(64) Line {
    std::array<std::uint64_t, 8> words;
};

Figures change_lines(const nlohmann::json& arguments) {
    constexpr std::uint64_t ahead = 64;
    pin_to(Core::producer);
    const auto live_buffers = arguments.at("live_buffers").get<std::uint64_t>();
    const auto events = arguments.at("events").get<std::uint64_t>();
    const std::uint64_t bytes = live_buffers * sizeof(Line);
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory for the lines");
    Line* const lines = static_cast<Line*>(memory);
    for (std::uint64_t i = 0; i < live_buffers; ++i) lines[i].words[0] = i;  // every page has been written once
    const auto line_of = [&](std::uint64_t event) -> Line& { return lines[event * 0x9e3779b97f4a7c15 % live_buffers]; };
    const std::uint64_t start_ns = now_ns();
    for (std::uint64_t event = 0; event < events; ++event) {
        shm::prefetch_for_write(&line_of(event + ahead));
        Line& line = line_of(event);
        line.words[0] += event;
        line.words[7] += line.words[0];
    }
    const auto elapsed_ns = static_cast<double>(now_ns() - start_ns);
    sink += lines[0].words[7];
    munmap(memory, bytes);
    return {{"ns_per_event", elapsed_ns / static_cast<double>(events)}};
}

// ---- system calls ---------------------------------------------------------------------------------------------------

double time_segment_us() {
    constexpr std::uint64_t lane_step_bytes = 32 * 1024;
    const std::uint64_t reserved = shm::slots_offset + shm::default_slots_per_lane * sizeof(shm::Slot);
    const std::string name = fmt::format("trackshm-bench-{}", getpid());
    const std::string path = shm::path_of(name);
    const std::string final_path = path + ".named";
    const std::uint64_t start_ns = now_ns();
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const std::uint64_t bytes = shm::process_segment_bytes(shm::default_slots_per_lane);
    bool made = fd >= 0 && ftruncate(fd, static_cast<off_t>(bytes)) == 0 &&
                posix_fallocate(fd, 0, static_cast<off_t>(reserved)) == 0;
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    made = made && memory != MAP_FAILED && shm::lock_as_process(fd, shm::liveness_byte);
    if (made) static_cast<std::uint64_t*>(memory)[0] = 1;  // the header's page
    made = made && rename(path.c_str(), final_path.c_str()) == 0 &&
           posix_fallocate(fd, static_cast<off_t>(reserved), lane_step_bytes) == 0;
    if (made) static_cast<std::uint64_t*>(memory)[reserved / sizeof(std::uint64_t)] = 1;
    const std::uint64_t end_ns = now_ns();
    unlink(path.c_str());
    unlink(final_path.c_str());
    if (memory != MAP_FAILED) munmap(memory, bytes);
    if (fd >= 0) close(fd);
    if (!made) throw std::runtime_error("cannot make a segment in /dev/shm");
    return static_cast<double>(end_ns - start_ns) / 1000;
}

Figures make_segments(const nlohmann::json& arguments) {
    pin_to(Core::producer);
    std::vector<double> times_us;
    for (auto left = arguments.at("segments").get<std::uint64_t>(); left > 0; --left) times_us.push_back(time_segment_us());
    std::sort(times_us.begin(), times_us.end());
    return {{"p50_us", percentile(times_us, 50)}, {"p90_us", percentile(times_us, 90)}};
}

Figures wait_and_look(const nlohmann::json& arguments) {
    constexpr std::uint64_t page_words = 512;
    constexpr std::uint64_t longest_wait_ns = 4'000'000;  // the aggregator's
    pin_to(Core::consumer);
    const auto pages = arguments.at("pages").get<std::uint64_t>();
    const std::uint64_t life_ns = arguments.at("ms").get<std::uint64_t>() * 1'000'000;
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    std::vector<std::atomic<std::uint64_t>> words(pages * page_words);
    std::thread waiter([&] {
        epoll_event event;
        for (const std::uint64_t end_ns = now_ns() + life_ns; now_ns() < end_ns;) {
            aggregator::wait_for_events(epoll_fd, &event, 1, longest_wait_ns);
            for (std::uint64_t i = 0; i < words.size(); i += page_words) {
                if (words[i].load(std::memory_order_relaxed) != 0) sink += i;
            }
        }
    });
    const double percent = busy_percent(getpid(), std::chrono::milliseconds(life_ns / 2'000'000));
    waiter.join();
    close(epoll_fd);
    return {{"busy_percent", percent}};
}

void run(const Options& options, Result& result) {
    const auto trial = [](std::string variant, std::string role, nlohmann::json arguments) {
        return Trial{std::move(variant), std::move(role), std::move(arguments), Tracking::off};
    };
    const std::uint64_t bursts = options.sized(4000, 40);
    const std::uint64_t events = options.sized(20'000'000, 200'000);
    const std::uint64_t life_ms = options.sized(4000, 100);
    std::vector<Trial> trials = {
        trial("a slot, lines at home", "floor_slot", {{"bursts", bursts}, {"lines_travel", false}}),
        trial("a slot, lines that travel", "floor_slot", {{"bursts", bursts}, {"lines_travel", true}}),
        trial("a ring", "floor_ring", {{"events", events}}),
        trial("a buffer's line of 10^4", "floor_line", {{"events", events}, {"live_buffers", 10'000}}),
        trial("a buffer's line of 10^6", "floor_line", {{"events", events}, {"live_buffers", 1'000'000}}),
        trial("a segment", "floor_segment", {{"segments", options.sized(200, 3)}}),
        trial("waiting, 1 page", "floor_wait", {{"pages", 1}, {"ms", life_ms}}),
        trial("waiting, 1000 pages", "floor_wait", {{"pages", 1000}, {"ms", life_ms}}),
    };
    if (!options.quick) {
        trials.push_back(trial("a buffer's line of 10^7", "floor_line", {{"events", events}, {"live_buffers", 10'000'000}}));
    }
    run_interleaved(options, trials, result);
}

const RegisterRole slot_role({"floor_slot", store_slots});
const RegisterRole ring_role({"floor_ring", move_slots});
const RegisterRole line_role({"floor_line", change_lines});
const RegisterRole segment_role({"floor_segment", make_segments});
const RegisterRole wait_role({"floor_wait", wait_and_look});
const RegisterBenchmark benchmark({"floors", "what the machine itself takes for parts of the way", run});

}  // namespace
}  // namespace trackshm::bench
