// SPDX-License-Identifier: Apache-2.0
#include "shm/producer.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>

#include "shm/estate.hpp"
#include "shm/internal_call.hpp"
#include "shm/lane_claim.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/record_lock.hpp"

thread_local constinit unsigned trackshm_internal_calls = 0;

namespace trackshm::shm {

constinit Gate gate;
thread_local constinit ThisThread this_thread;
constinit std::atomic<std::uint64_t>* tickets = nullptr;

namespace {

constexpr std::size_t populate_write = 23;  // MADV_POPULATE_WRITE, Linux 5.14; not in every libc's headers

// Where the Producer lives: it must not be destroyed at exit, and a forked child makes a new one in the same place.
alignas(Producer) constinit std::byte producer_storage[sizeof(Producer)]{};
// One of this process or, as long as the gate knows of none, of a parent.
constinit std::atomic<bool> storage_holds_producer{false};

pthread_key_t thread_exit_key;
constinit bool handlers_installed = false;

// One thread at a time in what a process does once. Not a std::mutex: a child that was forked while another thread held
// it would wait for ever. The gate's page is wiped there, which whoever comes here sees to before anything else.
class GateLock {
public:
    GateLock() noexcept {
        madvise(&gate, sizeof gate, MADV_WIPEONFORK);
        while (gate.taken.exchange(true, std::memory_order_acquire)) sleep_ns(20'000);
    }
    ~GateLock() { gate.taken.store(false, std::memory_order_release); }
    GateLock(const GateLock&) = delete;
    GateLock& operator=(const GateLock&) = delete;
};

bool is_one(const char* value) noexcept { return value != nullptr && std::strcmp(value, "1") == 0; }

// Gives pages storage and maps them. An error, never SIGBUS, where the file system is full.
bool populate(std::byte* address, std::uint64_t bytes) noexcept {
    return madvise(address, bytes, populate_write) == 0;
}

}  // namespace

Settings Settings::from_environment() {
    Settings settings;
    if (!is_one(secure_getenv("TRACKSHM")) && !is_one(secure_getenv("TT_ALLOC_TRACKING_ENABLED"))) return settings;

    const char* name_space = secure_getenv("TRACKSHM_NAMESPACE");
    settings.name_space = name_space == nullptr ? default_namespace : name_space;
    if (!is_valid_namespace(settings.name_space)) return settings;

    if (const char* text = secure_getenv("TRACKSHM_RING_EVENTS")) {
        const auto result = std::from_chars(text, text + std::strlen(text), settings.slots_per_lane);
        const std::uint32_t slots = settings.slots_per_lane;
        const bool usable = result.ec == std::errc{} && *result.ptr == '\0' && std::has_single_bit(slots) &&
                            slots >= min_slots_per_lane && slots <= max_slots_per_lane;
        if (!usable) settings.slots_per_lane = default_slots_per_lane;
    }
    const char* overflow = secure_getenv("TRACKSHM_OVERFLOW");
    settings.drop_on_overflow = overflow != nullptr && std::strcmp(overflow, "drop") == 0;
    settings.tracking = true;
    return settings;
}

Producer& Producer::instance() noexcept {
    if (!gate.made.load(std::memory_order_acquire)) make();
    return *std::launder(reinterpret_cast<Producer*>(producer_storage));
}

void Producer::make() noexcept {
    const GateLock lock;
    if (gate.made.load(std::memory_order_relaxed)) return;
    forget_parents();  // of a raw clone(), which ran no handler of ours
    new (producer_storage) Producer();
    storage_holds_producer.store(true, std::memory_order_relaxed);
    gate.made.store(true, std::memory_order_release);
}

Mode Producer::decide() noexcept {
    if (const Mode mode = gate.look(); mode != Mode::undecided) return mode;
    const GateLock lock;
    if (const Mode mode = gate.look(); mode != Mode::undecided) return mode;
    const Mode decided = start() ? Mode::active : Mode::off;
    gate.mode.store(decided, std::memory_order_release);
    return decided;
}

bool Producer::start() noexcept {
    try {
        settings_ = Settings::from_environment();
        if (!settings_.tracking) return false;
        owner_pid_.store(getpid(), std::memory_order_release);
        if (!handlers_installed) {
            // Without a key a thread cannot hand its lane back, so it would be lost: such a process is not tracked.
            if (pthread_key_create(&thread_exit_key, at_thread_exit) != 0) return false;
            pthread_atfork(nullptr, nullptr, start_over_in_child);
            handlers_installed = true;
        }
        return identify() && create_segment();
    } catch (...) {
        return false;
    }
}

// What tells this process from others. Before the segment is made, and with descriptors of its own: a segment without
// an identity would never be served.
bool Producer::identify() noexcept {
    nonce_ = random_nonce();
    boot_id_ = boot_id();
    start_ticks_ = own_start_ticks();
    return boot_id_ != 0 && start_ticks_ != 0;
}

bool Producer::create_segment() noexcept {
    try {
        const std::uint64_t bytes = process_segment_bytes(settings_.slots_per_lane);
        const std::uint64_t reserved = slots_offset + settings_.slots_per_lane * sizeof(Slot);  // lane 0 as well
        // With a nonce of its own: it must not tell others which name to take before we do.
        const std::string temporary = temporary_segment_name(settings_.name_space, owner_pid_, random_nonce());
        if (segment_.create(temporary, bytes, reserved) != SegmentStatus::ok) return false;
        fill_header();
        if (!lock_as_process(segment_.fd(), liveness_byte) ||
            segment_.publish_as(process_segment_name(settings_.name_space, owner_pid_, nonce_)) != SegmentStatus::ok) {
            segment_.unlink();
            segment_.close();
            return false;
        }
        storage_[shared_lane] = settings_.slots_per_lane;
        shared_lane_ = lane_at(shared_lane);
        tickets = &header()->tickets;
        return true;
    } catch (...) {
        segment_.unlink();
        segment_.close();
        return false;
    }
}

void Producer::fill_header() noexcept {
    ProcessHeader* h = header();
    h->layout = layout_version;
    h->header_bytes = sizeof(ProcessHeader);
    h->segment_bytes = segment_.bytes();
    h->lanes = lane_count;
    h->slots_per_lane = settings_.slots_per_lane;
    h->lanes_offset = lanes_offset;
    h->slots_offset = slots_offset;
    h->boot_id = boot_id_;
    h->start_ticks = start_ticks_;
    h->nonce = nonce_;
    h->pid = owner_pid_;
    h->uid = geteuid();
    h->pid_namespace = own_pid_namespace();
    own_comm(h->comm);
    lane_header(shared_lane)->state.store(LaneState::claimed, std::memory_order_relaxed);
    h->lanes_used.store(1, std::memory_order_relaxed);
    h->magic.store(process_magic, std::memory_order_release);
}

// --- fork -----------------------------------------------------------------------------------------------------------

void Producer::start_over_in_child() noexcept {
    const KeepErrno keep;
    // Another handler may have reported before this one: then the child has started over already.
    if (gate.made.load(std::memory_order_relaxed) &&
        instance().owner_pid_.load(std::memory_order_relaxed) == getpid()) {
        return;
    }
    gate.mode.store(Mode::undecided, std::memory_order_relaxed);  // for kernels that do not wipe
    gate.made.store(false, std::memory_order_relaxed);
    gate.taken.store(false, std::memory_order_relaxed);
    forget_parents();
}

// The parent's mutexes and coalescer may be in any state, their holders do not exist here: left as they are, and built
// over by the child's own.
void Producer::forget_parents() noexcept {
    if (storage_holds_producer.exchange(false, std::memory_order_relaxed)) {
        std::launder(reinterpret_cast<Producer*>(producer_storage))->let_go_of_parents();
    }
    this_thread = ThisThread{};
    tickets = nullptr;
}

void Producer::let_go_of_parents() noexcept {
    if (!segment_.is_open()) return;
    // By hand, not through the objects: freeing their memory would call the host's malloc, which may report to us.
    // If the program closed our descriptor, its number may belong to another file now: then it is not ours to close.
    if (owns_descriptor()) ::close(segment_.fd());
    munmap(segment_.data(), segment_.bytes());
}

// --- lanes ----------------------------------------------------------------------------------------------------------

ProducerLane Producer::lane_at(std::uint32_t lane) const noexcept {
    const std::uint64_t capacity = settings_.slots_per_lane;
    return ProducerLane::at(segment_.at<Slot>(slots_offset) + lane * capacity, lane_header(lane), capacity,
                            storage_[lane]);
}

bool Producer::claim_lane() noexcept {
    for (std::uint32_t lane = shared_lane + 1; lane < lane_count; ++lane) {
        switch (claim(*lane_header(lane), [&] { return reserve_lane(lane); })) {
            case ClaimResult::claimed: return keep_for_this_thread(lane);
            case ClaimResult::taken: break;
            case ClaimResult::no_storage: return false;
        }
    }
    return false;
}

bool Producer::keep_for_this_thread(std::uint32_t lane) noexcept {
    if (pthread_setspecific(thread_exit_key, reinterpret_cast<void*>(std::uintptr_t{lane} + 1)) != 0) {
        hand_back(*lane_header(lane));
        return false;
    }
    this_thread.lane = lane_at(lane);
    return true;
}

// Its first step of storage.
bool Producer::reserve_lane(std::uint32_t lane) noexcept {
    Slot* const slots = segment_.at<Slot>(slots_offset) + std::uint64_t{lane} * settings_.slots_per_lane;
    const std::uint32_t first_step = std::min(settings_.slots_per_lane, storage_step_slots);
    if (!reserve_slots(slots, first_step)) return false;
    storage_[lane] = first_step;
    raise_lanes_used(header()->lanes_used, lane + 1);
    return true;
}

bool Producer::reserve_slots(Slot* slots, std::uint64_t count) noexcept {
    std::byte* const begin = reinterpret_cast<std::byte*>(slots);
    const std::uint64_t bytes = count * sizeof(Slot);
    if (populate(begin, bytes)) return true;
    // An older kernel has no such advice: then reserve through the descriptor, if it still is ours.
    const auto offset = static_cast<std::uint64_t>(begin - segment_.data());
    if (errno == EINVAL && owns_descriptor() && segment_.reserve(offset, bytes) == SegmentStatus::ok) return true;
    madvise(begin, bytes, MADV_REMOVE);  // the pages that still got storage would serve nobody
    header()->impairment.store(static_cast<std::uint32_t>(Impairment::no_lane_storage), std::memory_order_relaxed);
    return false;
}

// Looks how far the aggregator has come, and gets more storage where that is what is lacking. Where there is none the lane
// goes back, and the thread shares lane 0 from here on.
bool Producer::own_lane_has_room() noexcept {
    ProducerLane& lane = this_thread.lane;
    if (lane.slots == nullptr) return false;
    if (lane.refresh()) return true;
    if (!lane.lacks_storage()) return false;
    const std::uint64_t step = std::min<std::uint64_t>(storage_step_slots, lane.capacity - lane.storage);
    if (!reserve_slots(lane.slots + lane.storage, step)) {
        hand_back_own_lane();
        return false;
    }
    lane.add_storage(step);
    return true;
}

bool Producer::owns_descriptor() const noexcept { return segment_.is_open_on(segment_.fd()); }

// Destructors that run after this may still report: they share lane 0.
void Producer::hand_back_own_lane() noexcept {
    const ProducerLane lane = this_thread.lane;
    this_thread.lane = ProducerLane{};
    this_thread.wants_lane = false;
    storage_[static_cast<std::size_t>(lane.header - lane_header(0))] = static_cast<std::uint32_t>(lane.storage);
    hand_back(*lane.header);
}

// A lane of a process that has no producer is its parent's.
void Producer::at_thread_exit(void*) noexcept {
    const bool is_ours = gate.made.load(std::memory_order_acquire);
    if (is_ours && this_thread.lane.header != nullptr) instance().hand_back_own_lane();  // else it is back already
}

// --- the slow path --------------------------------------------------------------------------------------------------

void Producer::report_slowly(const Event& event) noexcept {
    Mode mode = gate.look();
    if (mode == Mode::undecided) mode = decide();
    if (mode == Mode::off) return;
    if (mode == Mode::active) {
        if (this_thread.lane.slots == nullptr && this_thread.wants_lane) this_thread.wants_lane = claim_lane();
        if (own_lane_has_room() && this_thread.lane.push(*tickets, event)) return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    report_under_mutex(event);
}

// False if it was dropped, and counted.
bool Producer::report_under_mutex(const Event& event) noexcept {
    // Tickets order events whichever lane they take: lane 0 also is what a full lane spills into.
    const auto spill = [&] { return push_shared(event, event.reports()); };
    if (settings_.drop_on_overflow) {
        if (spill()) return true;
        header()->dropped.fetch_add(event.reports(), std::memory_order_relaxed);
        return false;
    }
    bool taken = true;
    spill_or_hold(gate, spill, [&] { taken = absorb(event); });
    return taken;
}

// One slot in lane 0. `reports` of the program's reports go out with it directly, not through the coalescer.
bool Producer::push_shared(const Event& event, std::uint64_t reports) noexcept {
    if (shared_lane_.room() == 0 && !shared_lane_.refresh()) return false;
    // Before the ticket is taken: a reader in between counts one report too few for a moment, never too many.
    if (reports == 0) header()->extra_slots.fetch_add(1, std::memory_order_relaxed);
    return shared_lane_.push(*tickets, event);
}

void Producer::report_name(std::uint16_t device, const char* name) noexcept {
    Mode mode = gate.look();
    if (mode == Mode::undecided) mode = decide();
    if (mode == Mode::off) return;
    char padded[name_bytes] = {};
    const std::size_t length = strnlen(name, name_bytes - 1);
    std::memcpy(padded, name, length);

    const std::lock_guard<std::mutex> lock(mutex_);
    const std::uint64_t chunks = std::max<std::uint64_t>(1, (length + name_chunk_bytes - 1) / name_chunk_bytes);
    if (settings_.drop_on_overflow && shared_lane_.room() < chunks) shared_lane_.refresh();
    if (settings_.drop_on_overflow && shared_lane_.room() < chunks) {  // all of it or nothing
        header()->dropped.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    for (std::uint32_t offset = 0; offset == 0 || offset < length; offset += name_chunk_bytes) {
        Event event{EventKind::describe_device, 0, device, offset, 0, 0};
        std::memcpy(&event.id, padded + offset, sizeof event.id);
        std::memcpy(&event.size, padded + offset + sizeof event.id, sizeof event.size);
        if (!report_under_mutex(event)) return;  // else the rest would be laid over an older name
    }
}

void Producer::count_rejected() noexcept {
    if (decide() != Mode::off) header()->rejected.fetch_add(1, std::memory_order_relaxed);
}

// --- coalescing -----------------------------------------------------------------------------------------------------

bool Producer::absorb(const Event& event) noexcept {
    constexpr std::uint64_t slots_per_report = 64;  // bounds what one hook does on behalf of the others
    header()->coalescing.store(1, std::memory_order_relaxed);
    const bool taken = coalescer_.absorb(event);
    if (!taken) {
        header()->dropped.fetch_add(event.reports(), std::memory_order_relaxed);
        header()->impairment.store(static_cast<std::uint32_t>(Impairment::coalescing_limit),
                                   std::memory_order_relaxed);
    } else {
        header()->absorbed.fetch_add(event.reports(), std::memory_order_relaxed);
    }
    shared_lane_.refresh();
    const bool flushed = shared_lane_.room() >= shared_lane_.capacity / 2 && flush(slots_per_report);
    if (!flushed) flusher_.ensure_running([](void* producer) { return flusher_main(producer); }, this);
    return taken;
}

// Sends what was coalesced into lane 0, with fresh tickets. When all of it is out the process is active again.
bool Producer::flush(std::uint64_t max_slots) noexcept {
    const auto push = [&](const Event& event) {
        if (max_slots == 0) return false;
        --max_slots;
        return push_shared(event, 0);
    };
    return send_held(gate, [&] { return send_coalesced(push); });
}

template <class Push>
bool Producer::send_coalesced(Push&& push) noexcept {
    if (!coalescer_.flush(push)) return false;
    header()->coalescing.store(0, std::memory_order_relaxed);
    return true;
}

void* Producer::flusher_main(void* producer) noexcept {
    const InternalCall internal;
    prctl(PR_SET_NAME, "trackshm-flush");
    std::uint64_t rest_ns = 200'000;
    do {
        sleep_ns(rest_ns);
    } while (static_cast<Producer*>(producer)->flush_or_rest(rest_ns));
    return nullptr;
}

// False when the thread's work is over.
bool Producer::flush_or_rest(std::uint64_t& rest_ns) noexcept {
    constexpr std::uint64_t longest_rest_ns = 10'000'000;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (gate.look_under_mutex() == Mode::coalescing) {
        shared_lane_.refresh();
        const bool moved = shared_lane_.room() > 0;
        if (!flush(most_slots_at_a_time)) {
            rest_ns = moved ? 200'000 : std::min(rest_ns * 2, longest_rest_ns);
            return true;
        }
    }
    flusher_.note_end();
    return false;
}

// --- the end --------------------------------------------------------------------------------------------------------

void Producer::finish() noexcept {
    if (owner_pid_ != getpid() || !segment_.is_open()) return;
    // The mutex's holder may be a thread that will never run again: wait for it, but not for ever.
    constexpr int attempts = 5000;
    bool locked = mutex_.try_lock();
    for (int i = 0; i < attempts && !locked; ++i) {
        sleep_ns(100'000);
        locked = mutex_.try_lock();
    }
    if (locked) {
        if (gate.look_under_mutex() == Mode::coalescing && !flush(~std::uint64_t{0})) write_estate();
        mutex_.unlock();
    }
    header()->exit_state.store(static_cast<std::uint32_t>(ExitState::exited), std::memory_order_release);
    const bool said_nothing = header()->tickets.load(std::memory_order_relaxed) == 0 &&
                              header()->rejected.load(std::memory_order_relaxed) == 0 &&
                              header()->dropped.load(std::memory_order_relaxed) == 0;
    if (said_nothing) segment_.unlink();
}

// What does not fit into the ring is left in an extension of the segment.
void Producer::write_estate() noexcept {
    ProcessHeader* h = header();
    if (h->estate_offset.load(std::memory_order_relaxed) != 0) return;
    if (!owns_descriptor() && !segment_.reopen()) return;
    // Folded counts need a slot per memory and two more.
    const std::uint64_t capacity = coalescer_.events() + 256 * type_count + 2;
    const std::uint64_t bytes = round_to_page(capacity * sizeof(Slot));
    const std::uint64_t offset = segment_.bytes();
    if (segment_.extend(offset + bytes) != SegmentStatus::ok) return;
    if (segment_.reserve(offset, bytes) != SegmentStatus::ok) return;
    void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, segment_.fd(), static_cast<off_t>(offset));
    if (mapped == MAP_FAILED) return;
    EstateWriter estate{static_cast<Slot*>(mapped), capacity};
    const auto push = [&](const Event& event) {
        if (estate.is_full()) return false;
        h->extra_slots.fetch_add(1, std::memory_order_relaxed);
        estate.push(*tickets, event);
        return true;
    };
    send_held(gate, [&] {
        const bool all_sent = send_coalesced(push);
        munmap(mapped, bytes);
        h->estate_offset.store(offset, std::memory_order_relaxed);
        estate.publish(h->estate_count);
        return all_sent;
    });
}

}  // namespace trackshm::shm
