// SPDX-License-Identifier: Apache-2.0
#include "aggregator/aggregator.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "aggregator/advice.hpp"
#include "aggregator/event_log.hpp"
#include "aggregator/event_wait.hpp"
#include "aggregator/fault_guard.hpp"
#include "aggregator/message.hpp"
#include "shm/names.hpp"
#include "shm/os.hpp"

namespace trackshm::aggregator {

using namespace trackshm::shm;

namespace {

// Batches of one process per turn, and time for them: bounds how long the others wait. Time, because a process can
// make its events dear: thousands of entries of one id, hundreds of closed devices.
constexpr int batches_per_turn = 8;
constexpr std::uint64_t longest_drain_ns = 2'000'000;
// New processes per look, and time for them, so that a flood of names costs the others a moment only.
constexpr std::size_t attached_per_look = 256;
constexpr std::uint64_t longest_look_ns = 50'000'000;
// While events flow, publications are at least this far apart; the one after the last event comes at once.
constexpr std::uint64_t publish_interval_ns = 400'000;
// The details take more time, and the first after a quiet time comes at once.
constexpr std::uint64_t details_interval_ns = 100'000'000;
// Draining event by event would make the lanes' cache lines ping-pong: after a turn with fewer events than this the
// lanes are left to fill for a moment, shorter than the smallest sleep and than the default lane takes to run full.
constexpr std::uint64_t worthwhile_events = 512;
constexpr std::uint64_t fill_ns = 5'000;
// So long after the last event we stay awake; then each wait is four times the one before, up to the longest, within
// which the first event after a quiet time is seen.
constexpr std::uint64_t linger_ns = 50'000;
constexpr std::uint64_t first_wait_ns = 60'000;
constexpr std::uint64_t longest_wait_ns = 4'000'000;
constexpr std::uint64_t scan_interval_ns = 1'000'000'000;
constexpr std::uint64_t beat_interval_ns = 250'000'000;
// A tracked process takes two segments and a pidfd; the aggregator itself some.
constexpr std::uint64_t descriptors_per_process = 3;
constexpr std::uint64_t descriptors_kept_back = 24;
// Less than this in /dev/shm, and a program that starts with the usual ring cannot be tracked.
constexpr std::uint64_t scarce_shm_bytes = slots_offset + 2 * default_slots_per_lane * sizeof(Slot);
// How long a stopping aggregator goes on draining processes that keep reporting.
constexpr std::uint64_t longest_farewell_ns = 1'000'000'000;
// How long ended processes are drained before the others have their turn.
constexpr std::uint64_t longest_final_drain_ns = 20'000'000;
// The same before the first publication.
constexpr std::uint64_t longest_first_look_ns = 5'000'000'000;

}  // namespace

Aggregator::Aggregator(Options options)
    : options_(std::move(options)),
      uid_(geteuid()),
      details_publisher_(publisher_.segment()),
      history_(publisher_.segment()),
      accounting_(ledger_),
      failure_lists_(ledger_),
      discovery_(options_.name_space),
      attacher_(options_.name_space, uid_, ledger_) {}

Aggregator::Start Aggregator::start(std::string& message) {
    install_fault_guard();
    prctl(PR_SET_TIMERSLACK, 1);
    epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd_ < 0 || process_limit() == 0) {
        message = "cannot serve any process: " + reason_and_remedy(epoll_fd_ < 0 ? errno : EMFILE);
        return Start::failed;
    }
    switch (publisher_.open(options_.name_space, uid_, options_.mode, message)) {
        case Publisher::OpenResult::ok: break;
        case Publisher::OpenResult::served_by_another:
            message = fmt::format("namespace '{}' is already served by the aggregator with pid {}; stop it first or use "
                                  "another --namespace",
                                  options_.name_space, message);
            return Start::served_by_another;
        case Publisher::OpenResult::failed: return Start::failed;
    }
    if (options_.fresh && !forget_earlier_run()) {
        message = "cannot look for what to forget: " + reason_and_remedy(errno);
        publisher_.withdraw();
        return Start::failed;
    }
    if (message = ledger_.open(options_.name_space, uid_); !message.empty()) {
        publisher_.withdraw();
        return Start::failed;
    }
    if (!take_stock()) {
        message = "cannot look at what a tracked process holds: " + reason_and_remedy(errno);
        publisher_.withdraw();
        return Start::failed;
    }
    if (!watch(discovery_.fd()) && !options_.quiet) {
        say("inotify is not to be had (fs.inotify.max_user_instances?); new processes are found by a scan every second");
    }
    publisher_.announce(ledger_.count_start());

    now_ns_ = monotonic_ns();
    history_.open(ledger_, now_ns_);
    // Every process there is before the first publication: what is not in it would look as if it were gone.
    look_for_processes(Look::to_the_end);
    failure_lists_.take_over();
    release_orphans();
    // Nor what is gone as if it were there; but those that live do not wait for that as long as it may take.
    const std::uint64_t deadline_ns = monotonic_ns() + longest_first_look_ns;
    do {
        now_ns_ = monotonic_ns();
        look_for_ended();
        write_event_log();
    } while (liveness_is_due_ && monotonic_ns() < deadline_ns);
    if (scan_is_due_) look_for_processes(Look::to_the_end);  // there is room now
    turn();
    publish(now_ns_);
    publish_details(now_ns_);
    return Start::ok;
}

Aggregator::~Aggregator() {
    if (epoll_fd_ >= 0) close(epoll_fd_);
}

// False, with errno set, and nothing forgotten, if it cannot be told what there is.
bool Aggregator::forget_earlier_run() {
    const auto tables = discovery_.scan(SegmentKind::table);
    if (!tables) return false;
    Ledger::forget(options_.name_space, uid_);
    for (const auto& table : *tables) {
        Segment segment;
        if (segment.open(table.file, bip::read_write, 0) == SegmentStatus::ok && segment.owner_uid() == uid_) {
            segment.unlink();
        }
    }
    return true;
}

// False, with errno set, if some table cannot be looked at: going on would take all for released that it holds.
bool Aggregator::take_stock() {
    std::vector<Holding> held;
    const auto tables = discovery_.scan(SegmentKind::table);
    if (!tables) return false;
    for (const auto& table : *tables) {
        if (!attacher_.take_stock(table, held)) return false;
    }
    ledger_.log().begin(0, 0);
    const bool differed = accounting_.reconcile(held);
    ledger_.log().commit();
    if (differed && !options_.quiet) {
        say("corrected what is live: a buffer table of an earlier run is gone or of no use, and what it held counts as freed");
    }
    return true;
}

// What processes held whose segments are gone.
void Aggregator::release_orphans() {
    const auto tables = discovery_.scan(SegmentKind::table);
    has_orphans_ = !tables;  // not to be seen now: at the next scan
    if (!tables) return;
    for (const auto& table : *tables) {
        if (is_attached(table.name)) continue;
        int lacking = 0;
        if (auto orphan = attacher_.adopt_orphan(table, lacking)) end(*orphan);
        has_orphans_ = has_orphans_ || lacking != 0;
    }
}

void Aggregator::run(int stop_fd, ServiceManager& manager) {
    watch(stop_fd);
    do {
        turn();
        manager.keep_alive(now_ns_);
    } while (!wait(stop_fd));
    manager.stopping();
    // What was reported before the stop is applied, and who has ended by then is released. Producers that go on reporting
    // cannot keep us here.
    liveness_is_due_ = true;
    const std::uint64_t deadline_ns = monotonic_ns() + longest_farewell_ns;
    while ((turn() || liveness_is_due_) && now_ns_ < deadline_ns) {
    }
    history_.sample(ledger_, now_ns_);
    publish(now_ns_);
    publish_details(now_ns_);
    write_event_log();
}

// One round over everything. True if events were applied, so that there may be more.
bool Aggregator::turn() {
    now_ns_ = monotonic_ns();
    // After a long look (somebody fills /dev/shm with names) at least as long for what we are here for.
    const bool may_look = now_ns_ >= next_scan_ns_;
    const bool scheduled_scan = may_look && now_ns_ - last_scan_ns_ >= scan_interval_ns;
    if (scheduled_scan) scan_is_due_ = liveness_is_due_ = true;
    if (scan_is_due_ && may_look) look_for_processes(Look::a_while);
    if (scheduled_scan) remove_unfinished();
    if (liveness_is_due_) look_for_ended();
    if (scheduled_scan && has_orphans_) release_orphans();
    if (scheduled_scan) warn_of_limits();
    if (scheduled_scan) inspect_processes();
    turn_events_ = 0;
    for (const auto& process : processes_) turn_events_ += drain(*process);
    if (failure_lists_.work(processes_, now_ns_)) changed_ = true;
    if (turn_events_ != 0) changed_ = true;
    write_event_log();

    if (history_.is_due(now_ns_)) {
        history_.sample(ledger_, now_ns_);
        ledger_.reserve_annexes();
    }
    if (turn_events_ != 0) last_event_ns_ = now_ns_;
    if (changed_ && (turn_events_ == 0 || now_ns_ - last_publish_ns_ >= publish_interval_ns)) publish(now_ns_);
    if (now_ns_ - last_beat_ns_ >= beat_interval_ns) {
        publisher_.beat(now_ns_);
        last_beat_ns_ = now_ns_;
        // Counters that a process keeps itself (pending, dropped) change without any event reaching us.
        publish(now_ns_);
    }
    if (details_changed_ && now_ns_ - last_details_ns_ >= details_interval_ns) publish_details(now_ns_);
    return turn_events_ != 0;
}

// --- draining -------------------------------------------------------------------------------------------------------

std::uint64_t Aggregator::drain(TrackedProcess& process) {
    if (!process.has_news()) {  // most of a thousand, most of the time: not even a look at the clock
        if (process.watermark_is_due()) changed_ = true;
        return 0;
    }
    std::uint64_t events = 0;
    const std::uint64_t deadline_ns = monotonic_ns() + longest_drain_ns;
    int batches = 0;
    do {
        if (process.read(batch_) == ReadResult::corrupt) {
            quarantine(process);
            break;
        }
        if (batch_.slots == 0) {
            process.note_applied_below(batch_.applied_below);
            break;
        }
        const Applied applied = apply(process);
        if (applied == Applied::in_smaller_parts) continue;
        if (applied == Applied::not_now) break;
        events += batch_.slots;
        process.note_applied_below(batch_.applied_below);
        process.release_slots();
        list_what_is_in_the_way();
        if (batch_.complete && batch_.slots < batch_.limit) break;
        if (monotonic_ns() >= deadline_ns) break;
    } while (++batches < batches_per_turn && process.has_news());
    batch_.limit = Batch::max_events;
    if (process.watermark_is_due()) changed_ = true;
    return events;
}

// The whole batch, or nothing of it.
Aggregator::Applied Aggregator::apply(TrackedProcess& process) {
    if (!process.table().make_room(batch_.allocations)) {
        if (ledger_.log().is_open()) roll_back(process);
        // The batch may still fit as it is: most of what it allocates it may free again.
        if (process.table_header().growing != 0) return starve(process);
    }
    constexpr int attempts = 8;  // each with a table half as large again
    for (int i = 0; i < attempts; ++i) {
        if (apply_events(process)) {
            if (process.is_starved()) process.set_starved(false);
            if (options_.log_events) {
                for (const Event& event : batch_.events()) log_event(process.table_header().pid, event);
            }
            return Applied::all;
        }
        const bool log_was_full = ledger_.log().overflowed();
        if (batch_.limit < batch_.slots) {
            roll_back(process);
            return Applied::in_smaller_parts;
        }
        if (!log_was_full && accounting_.lacks_usage_room()) return starve(process);
        roll_back(process);
        if (log_was_full && batch_.limit > 1) {  // frees of many entries each
            batch_.limit /= 8;
            return Applied::in_smaller_parts;
        }
        if (log_was_full) break;
        if (!process.table().grow_now()) return starve(process);
    }
    if (ledger_.log().is_open()) roll_back(process);
    quarantine(process);
    return Applied::not_now;
}

bool Aggregator::apply_events(TrackedProcess& process) {
    TableHeader& table = process.table_header();
    ledger_.log().begin(table.own_pid, table.nonce);
    process.save_header();
    const BatchTime time{static_cast<std::uint32_t>(now_ns_ / 1'000'000'000), unix_ns()};
    if (!accounting_.apply(process, batch_, time)) return false;
    if (const std::uint64_t events = events_to_next_list(); events < batch_.slots) {
        batch_.limit = events;
        return false;
    }
    std::copy(batch_.positions.begin(), batch_.positions.end(), table.lane_positions);
    table.estate_position = batch_.estate_position;
    table.slots_applied += batch_.slots;
    if (ledger_.log().overflowed()) return false;
    ledger_.log().commit();
    return true;
}

// What is listed after a failed allocation is what was live when it failed: the batch must end with it.
std::uint64_t Aggregator::events_to_next_list() const noexcept {
    for (const Accounting::Failure& failure : accounting_.failures()) {
        if (failure_lists_.is_due(failure.slot, now_ns_)) return failure.events;
    }
    return batch_.slots;
}

void Aggregator::list_what_is_in_the_way() {
    bool wanted = false;
    for (const Accounting::Failure& failure : accounting_.failures()) {
        if (!failure_lists_.is_due(failure.slot, now_ns_)) continue;
        failure_lists_.want(failure.slot);
        wanted = true;
    }
    if (!wanted) return;
    batch_.limit = Batch::max_events;  // that it ended here was for this
    if (failure_lists_.work(processes_, now_ns_)) changed_ = true;
}

void Aggregator::roll_back(TrackedProcess& process) noexcept {
    ledger_.log().roll_back([&](LogTarget target, std::uint64_t offset, const std::byte* bytes, std::uint32_t count) {
        process.restore(target == LogTarget::ledger ? ledger_.base() : nullptr, offset, bytes, count);
        return true;
    });
    ledger_.reload();
    process.index_usage(ledger_);
}

// No room for its table to grow: nothing of the batch is applied, its events stay in the lanes until there is. Nothing is
// lost by that, the process coalesces; but the figures are behind, and do not call themselves exact.
Aggregator::Applied Aggregator::starve(TrackedProcess& process) {
    if (ledger_.log().is_open()) roll_back(process);
    if (!process.is_starved()) changed_ = true;
    process.set_starved(true);
    warn_once(warned_of_memory_, fmt::format("no room in /dev/shm for the buffer table of process {}; its events wait: {}",
                                             process.table_header().pid, reason_and_remedy(ENOSPC)));
    return Applied::not_now;
}

void Aggregator::quarantine(TrackedProcess& process) noexcept {
    process.counters();  // the last that are believed
    TableHeader& table = process.table_header();
    ledger_.log().begin(table.own_pid, table.nonce);
    process.save_header();
    table.state = static_cast<std::uint32_t>(TableState::quarantined);
    table.flags &= ~std::uint32_t{process_exact};
    ledger_.change_header().quarantined_processes += 1;
    ledger_.log().commit();
    changed_ = true;
    if (!options_.quiet) {
        say("the segment of process {} ({}) is corrupt; its figures are frozen", table.pid, table.comm);
    }
}

// --- processes come and go ------------------------------------------------------------------------------------------

bool Aggregator::is_attached(const SegmentName& name) const noexcept {
    return std::any_of(processes_.begin(), processes_.end(), [&](const auto& process) {
        return process->table_header().nonce == name.nonce && process->table_header().own_pid == name.pid;
    });
}

void Aggregator::look_for_processes(Look look) {
    scan_is_due_ = false;
    last_scan_ns_ = now_ns_;
    const auto all_found = discovery_.scan(SegmentKind::process);
    if (!all_found) {  // somebody may wait: at the next scan
        waiting_processes_ = std::max<std::uint64_t>(waiting_processes_, 1);
        changed_ = true;
        return;
    }
    std::uint64_t waiting = 0;
    std::size_t attached = 0;
    for (const auto& found : *all_found) {
        if (is_attached(found.name)) continue;
        const auto took_long = [&] { return attached != 0 && monotonic_ns() - now_ns_ >= longest_look_ns; };
        if (look == Look::a_while && (attached == attached_per_look || took_long())) {
            scan_is_due_ = true;
            ++waiting;
            continue;
        }
        int lacking = processes_.size() < process_limit() ? 0 : EMFILE;
        if (lacking == 0) {
            if (auto process = attacher_.attach(found, lacking)) {
                watch(process->pidfd());
                processes_.push_back(std::move(process));
                changed_ = true;
                ++attached;
            }
        }
        if (lacking == 0) continue;
        ++waiting;
        if (processes_.size() >= max_processes) {
            warn_once(warned_of_crowd_, fmt::format("{} processes are tracked, which is the limit; process {} and further "
                                                    "ones wait until others end", max_processes, found.name.pid));
        } else {
            warn_once(warned_of_waiting_, fmt::format("process {} waits, it cannot be tracked now: {}", found.name.pid,
                                                      reason_and_remedy(lacking)));
        }
    }
    changed_ = changed_ || waiting != waiting_processes_;
    waiting_processes_ = waiting;
    const std::uint64_t end_ns = monotonic_ns();
    next_scan_ns_ = end_ns + (end_ns - now_ns_);
}

void Aggregator::remove_unfinished() {
    const auto unfinished = discovery_.scan(SegmentKind::temporary);
    if (!unfinished) return;
    for (const auto& segment : *unfinished) attacher_.remove_unfinished(segment);
}

void Aggregator::inspect_processes() {
    for (const auto& process : processes_) {
        if (process->inspect(batch_) == ReadResult::corrupt) quarantine(*process);
    }
}

// As many as there are rows for, and descriptors; a few are kept back, to look for processes and their ends with.
std::size_t Aggregator::process_limit() const noexcept {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return max_processes;
    const std::uint64_t usable = files.rlim_cur - std::min<std::uint64_t>(files.rlim_cur, descriptors_kept_back);
    return std::min<std::uint64_t>(max_processes, usable / descriptors_per_process);
}

void Aggregator::look_for_ended() {
    liveness_is_due_ = false;
    const std::uint64_t deadline_ns = monotonic_ns() + longest_final_drain_ns;
    for (std::size_t i = 0; i < processes_.size();) {
        if (!processes_[i]->has_ended()) {
            ++i;
            continue;
        }
        if (!drain_to_the_end(*processes_[i], deadline_ns)) {
            liveness_is_due_ = true;
            ++i;
            continue;
        }
        end(*processes_[i]);
        processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(i));
        scan_is_due_ = scan_is_due_ || waiting_processes_ != 0;  // there is room for another
    }
}

// True once there is nothing left. Nothing writes there any more, unless somebody else scribbles in the segment: so no
// more is drained than it can hold, and the others do not wait for all of it. Past the deadline it still gets one turn.
bool Aggregator::drain_to_the_end(TrackedProcess& process, std::uint64_t deadline_ns) {
    while (process.may_hold_more()) {
        const std::uint64_t slots = drain(process);
        if (slots == 0) return true;
        process.note_drained_after_end(slots);
        if (monotonic_ns() >= deadline_ns) return false;
    }
    return true;
}

void Aggregator::end(TrackedProcess& process) {
    const ReportedCounters counters = process.counters();
    warn_of_rejected(process, counters);
    TableHeader& table = process.table_header();
    ledger_.log().begin(table.own_pid, table.nonce);
    process.save_header();
    accounting_.fold(process, counters, unix_ns());
    ledger_.log().commit();
    process.remove_segments();
    changed_ = true;
}

// --- publishing and waiting -----------------------------------------------------------------------------------------

void Aggregator::publish(std::uint64_t now_ns) {
    publisher_.publish(ledger_, history_, processes_, waiting_processes_);
    // Only now may trackshm_sync return: what it waits for is where readers look.
    for (const auto& process : processes_) {
        if (process->watermark_is_due()) process->publish_watermark();
    }
    details_changed_ = details_changed_ || changed_;
    last_publish_ns_ = now_ns;
    changed_ = false;
}

void Aggregator::publish_details(std::uint64_t now_ns) {
    details_publisher_.publish(ledger_, processes_);
    last_details_ns_ = now_ns;
    details_changed_ = false;
}

bool Aggregator::watch(int fd) const noexcept {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return fd >= 0 && epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

// Waits as long as the traffic suggests. True when it is time to stop.
bool Aggregator::wait(int stop_fd) {
    if (now_ns_ - last_event_ns_ < linger_ns || failure_lists_.is_looking()) {
        wait_ns_ = 0;
        if (turn_events_ < worthwhile_events) spin_ns(fill_ns);
        if (now_ns_ - last_look_ns_ < publish_interval_ns) return false;
    } else {
        wait_ns_ = std::clamp(wait_ns_ * 4, first_wait_ns, longest_wait_ns);
    }
    last_look_ns_ = now_ns_;

    constexpr int max_events = 16;
    epoll_event events[max_events];
    const int ready = wait_for_events(epoll_fd_, events, max_events, wait_ns_);
    for (int i = 0; i < ready; ++i) {
        if (events[i].data.fd == stop_fd) return true;
        if (events[i].data.fd == discovery_.fd()) {
            const Discovery::Notices notices = discovery_.take_notices();
            scan_is_due_ = scan_is_due_ || notices.appeared;
            liveness_is_due_ = liveness_is_due_ || notices.closed;
        } else {  // a pidfd
            liveness_is_due_ = true;
        }
    }
    return false;
}

// --- what is said once ----------------------------------------------------------------------------------------------

void Aggregator::warn_of_limits() {
    if (accounting_.has_refused_a_device()) {
        warn_once(warned_of_devices_, fmt::format("{} devices are known, which is the limit; reports on further ones are "
                                                  "rejected and counted, their processes marked not exact", max_devices));
    }
    for (const auto& process : processes_) warn_of_rejected(*process, process->counters());
    struct statvfs room {};
    if (statvfs(std::string(shm_directory).c_str(), &room) != 0) return;
    const std::uint64_t free_bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
    if (free_bytes >= scarce_shm_bytes) return;
    warn_once(warned_of_full_shm_, fmt::format("/dev/shm has {} KiB left: programs that start now run untracked: {}",
                                               free_bytes / 1024, reason_and_remedy(ENOSPC)));
}

void Aggregator::warn_of_rejected(const TrackedProcess& process, const ReportedCounters& counters) {
    if (counters.rejected == 0) return;
    warn_once(warned_of_rejected_,
              fmt::format("process {} ({}) reported a device above {}, a type above {} or a size above 2^48-1; such "
                          "reports are rejected and counted",
                          process.table_header().pid, process.table_header().comm, max_device_id, type_count - 1));
}

void Aggregator::write_event_log() {
    if (flush_event_log()) return;
    warn_once(warned_of_event_log_, fmt::format("cannot write the log of events: {}", std::strerror(errno)));
}

void Aggregator::warn_once(bool& warned, const std::string& text) const {
    if (!warned && !options_.quiet) say(text);
    warned = true;
}

}  // namespace trackshm::aggregator
