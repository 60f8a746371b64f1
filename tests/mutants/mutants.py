# SPDX-License-Identifier: Apache-2.0
"""Products with a mechanism broken on purpose, and the tests that must fail of each. scripts/mutants builds and runs them;
run.py --check, in the everyday suite, sees to it that each still can be made and that its tests are there."""

from typing import NamedTuple


class Edit(NamedTuple):
    file: str
    old: str  # once in the file
    new: str


class Mutant(NamedTuple):
    name: str
    edits: list[Edit]
    tests: list[str]  # how names of test cases begin; each of them must fail


def without_allocations_of(field: str) -> Mutant:
    """A 0 stands for nothing there."""
    find_device = "    const std::uint32_t slot = ledger_.slot_for(event.device);\n"
    return Mutant(
        f"{field} 0 means nothing",
        [
            Edit(
                "src/aggregator/accounting.cpp",
                "inline bool Accounting::allocate(TrackedProcess& process, const Event& event) noexcept {\n" + find_device,
                "inline bool Accounting::allocate(TrackedProcess& process, const Event& event) noexcept {\n"
                f"    if (event.{field} == 0) return true;\n" + find_device,
            ),
        ],
        ["device 0, type 0, id 0 and size 0"],
    )


MUTANTS = [
    # Death inside the library
    Mutant(
        "a slot that is no report is counted after its ticket is taken",
        [
            Edit(
                "src/shm/producer.cpp",
                "    if (reports == 0) header()->extra_slots.fetch_add(1, std::memory_order_relaxed);\n"
                "    return shared_lane_.push(*tickets, event);",
                "    const bool pushed = shared_lane_.push(*tickets, event);\n"
                "    if (reports == 0) header()->extra_slots.fetch_add(1, std::memory_order_relaxed);\n"
                "    return pushed;",
            ),
        ],
        ["a process killed anywhere inside the library"],
    ),
    # Rings that are full
    Mutant(
        "a full process drops",
        [
            Edit(
                "src/shm/gate.hpp",
                "        gate.mode.store(Mode::coalescing, std::memory_order_release);  // for readers elsewhere; its hooks need no order\n"
                "    }\n"
                "    hold();",
                "        return;\n"
                "    }\n"
                "    hold();",
            ),
        ],
        ["counters are exact after the aggregator stood"],
    ),
    Mutant(
        "what is held does not wait for what was held before",
        [
            Edit(
                "src/shm/gate.hpp",
                "    if (gate.look_under_mutex() == Mode::active) {\n"
                "        if (spill()) return;",
                "    {\n"
                "        if (spill()) return;",
            ),
        ],
        ["what was held for want of room"],
    ),
    # Children and exec
    Mutant(
        "the gate is not wiped in a clone",
        [
            Edit(
                "src/shm/producer.cpp",
                "madvise(&gate, sizeof gate, MADV_WIPEONFORK);",
                "",
            ),
        ],
        ["a child made by a raw clone"],
    ),
    Mutant(
        "a forked child keeps the parent's producer",
        [
            Edit(
                "src/shm/producer.cpp",
                "madvise(&gate, sizeof gate, MADV_WIPEONFORK);",
                "",
            ),
            Edit(
                "src/shm/producer.cpp",
                "pthread_atfork(nullptr, nullptr, start_over_in_child);",
                "",
            ),
        ],
        [
            "a program that becomes a daemon",
            "children forked while other threads",
            "a child forked while another thread",
        ],
    ),
    Mutant(
        "a file that was closed means that its process has ended",
        [
            Edit(
                "src/aggregator/process.cpp",
                "    if (lock_holder(segment_.fd(), liveness_byte)) return false;\n"
                "    const Maps maps = owner_maps_segment();",
                "    const Maps maps = Maps::no;",
            ),
        ],
        ["programs started by posix_spawn and by vfork"],
    ),
    Mutant(
        "a lock that children inherit tells who lives",
        [
            Edit(
                "src/shm/producer.cpp",
                "lock_as_process(segment_.fd(), liveness_byte)",
                "lock_as_description(segment_.fd(), liveness_byte)",
            ),
            Edit(
                "src/aggregator/process.cpp",
                "        if (poll(&poll_for_exit, 1, 0) == 1) return true;",
                "        (void)poll_for_exit;",
            ),
        ],
        [
            "the death of a parent is noticed",
            "a child that never reports and outlives",
        ],
    ),
    Mutant(
        "the aggregator does not see an exec",
        [
            Edit(
                "src/aggregator/process.cpp",
                "    if (lock_holder(segment_.fd(), liveness_byte)) return false;\n",
                "    if (lock_holder(segment_.fd(), liveness_byte) || pidfd_ >= 0) return false;\n",
            ),
        ],
        [
            "exec from another than the first thread",
            "a program that execs another tracked program",
        ],
    ),
    Mutant(
        "a pid is all there is of an identity",
        [
            Edit(
                "src/aggregator/aggregator.cpp",
                "process->table_header().nonce == name.nonce && ",
                "",
            ),
        ],
        ["a pid that comes back while no aggregator runs"],
    ),
    # Crowds
    Mutant(
        "two threads on one lane",
        [
            Edit(
                "src/shm/lane_claim.hpp",
                "    if (!lane.state.compare_exchange_strong(found, LaneState::claimed, std::memory_order_acquire)) {\n"
                "        return ClaimResult::taken;\n"
                "    }\n",
                "    lane.state.store(LaneState::claimed, std::memory_order_relaxed);\n",
            ),
        ],
        ["512 threads"],
    ),
    Mutant(
        "a lane starts anew at its next owner",
        [
            Edit(
                "src/shm/lane.hpp",
                "header->write_position.load(std::memory_order_relaxed), 0,",
                "0, 0,",
            ),
        ],
        ["512 threads"],
    ),
    Mutant(
        "pidfds stay open",
        [
            Edit(
                "src/aggregator/process.cpp",
                "    if (pidfd_ >= 0) close(pidfd_);\n"
                "}",
                "}",
            ),
        ],
        [
            "a crowd of processes at once",
            "short-lived processes in a row",
        ],
    ),
    Mutant(
        "dead processes are not attached",
        [
            Edit(
                "src/aggregator/lifecycle.cpp",
                "        if (!is_ours_to_serve(found, segment)) return nullptr;",
                "        if (!is_ours_to_serve(found, segment) || !lock_holder(segment.fd(), liveness_byte)) return nullptr;",
            ),
        ],
        ["short-lived processes in a row"],
    ),
    Mutant(
        "who waits is not counted",
        [
            Edit(
                "src/aggregator/aggregator.cpp",
                "        if (lacking == 0) continue;\n"
                "        ++waiting;",
                "        if (lacking == 0) continue;",
            ),
        ],
        [
            "processes beyond 1024",
            "an aggregator without descriptors",
            "a process for whose table there is no room",
        ],
    ),
    Mutant(
        "no more are taken up when others end",
        [
            Edit(
                "src/aggregator/aggregator.cpp",
                "int lacking = processes_.size() < process_limit() ? 0 : EMFILE;",
                "int lacking = processes_.size() < process_limit() && waiting_processes_ == 0 ? 0 : EMFILE;",
            ),
        ],
        ["processes beyond 1024"],
    ),
    Mutant(
        "reports on too many devices leave a process exact",
        [
            Edit(
                "src/aggregator/accounting.cpp",
                "    process.table_header().rejected += reports;\n"
                "    process.table_header().flags &= ~std::uint32_t{shm::process_exact};",
                "    process.table_header().rejected += reports;",
            ),
        ],
        ["reports on more than 256 devices"],
    ),
    Mutant(
        "reports on too many devices are not counted",
        [
            Edit(
                "src/aggregator/accounting.cpp",
                "    process.table_header().rejected += reports;\n",
                "    (void)reports;\n",
            ),
        ],
        ["reports on more than 256 devices"],
    ),
    Mutant(
        "reports out of range are not counted",
        [
            Edit(
                "src/shm/producer.cpp",
                "    if (decide() != Mode::off) header()->rejected.fetch_add(1, std::memory_order_relaxed);",
                "    decide();",
            ),
        ],
        ["reports with a device, type or size out of range"],
    ),
    # Scarcity
    Mutant(
        "nothing is said of a read-only file system",
        [
            Edit(
                "src/aggregator/advice.cpp",
                "case EROFS: return",
                "case EXDEV: return",
            ),
        ],
        ["an aggregator on a read-only /dev/shm"],
    ),
    Mutant(
        "an exception goes out of the library",
        [
            Edit(
                "src/shm/segment.cpp",
                "    } catch (const bip::interprocess_exception& error) {\n"
                "        return fail(error.get_native_error());\n"
                "    } catch (const std::bad_alloc&) {",
                "    } catch (const std::bad_alloc&) {",
            ),
        ],
        ["a host program without address space"],
    ),
    Mutant(
        "losses are not counted",
        [
            Edit(
                "src/shm/producer.cpp",
                "    if (!taken) {\n"
                "        header()->dropped.fetch_add(event.reports(), std::memory_order_relaxed);",
                "    if (!taken) {",
            ),
        ],
        ["what a process cannot keep for want of address space"],
    ),
    Mutant(
        "a lane's storage is taken for granted",
        [
            Edit(
                "src/shm/producer.cpp",
                "    return madvise(address, bytes, populate_write) == 0;",
                "    return madvise(address, bytes, populate_write) == 0 || true;",
            ),
        ],
        [
            "threads for whose lanes there is no room",
            "a thread whose lane finds no more storage",
        ],
    ),
    Mutant(
        "a lane given up keeps its pages",
        [
            Edit(
                "src/shm/producer.cpp",
                "    madvise(begin, bytes, MADV_REMOVE);  // the pages that still got storage would serve nobody\n",
                "",
            ),
        ],
        ["threads for whose lanes there is no room"],
    ),
    Mutant(
        "a starved process is called exact",
        [
            Edit(
                "src/aggregator/aggregator.cpp",
                "    process.set_starved(true);",
                "",
            ),
        ],
        [
            "a buffer table that finds no room to grow",
            "an aggregator takes over a table that finds no room",
            "events on more memories",
            "a process that dies while its table finds no room",
        ],
    ),
    Mutant(
        "what is lost at the end is not counted",
        [
            Edit(
                "src/aggregator/accounting.cpp",
                "    ended.dropped += dropped + lost;",
                "    ended.dropped += dropped;",
            ),
        ],
        ["a process that dies while its table finds no room"],
    ),
    Mutant(
        "a successor begins a slot too late",
        [
            Edit(
                "src/aggregator/lifecycle.cpp",
                "        process->index_usage(ledger_);\n"
                "        process->set_starved(false);",
                "        process->index_usage(ledger_);\n"
                "        process->table_header().lane_positions[0] += 1;\n"
                "        process->set_starved(false);",
            ),
        ],
        ["an aggregator takes over a table that finds no room"],
    ),
    Mutant(
        "the storage of usage cells is taken for granted",
        [
            Edit(
                "src/aggregator/process.cpp",
                "    if (table_segment_.reserve(usage_offset, wanted * sizeof(UsageCell)) != SegmentStatus::ok) return false;",
                "    (void)0;",
            ),
        ],
        ["events on more memories"],
    ),
    Mutant(
        "omitted rows are not counted",
        [
            Edit(
                "src/aggregator/row_section.hpp",
                "        return omitted;",
                "        return 0;",
            ),
        ],
        ["where the counters find no room for rows"],
    ),
    Mutant(
        "a warning is given again and again",
        [
            Edit(
                "src/aggregator/aggregator.cpp",
                "    if (!warned && !options_.quiet) say(text);",
                "    if (!options_.quiet) say(text);",
            ),
        ],
        ["an aggregator without descriptors"],
    ),
    Mutant(
        "SIGXFSZ reaches the host",
        [
            Edit(
                "src/shm/segment.cpp",
                "        pthread_sigmask(SIG_BLOCK, &signal_, &before_);",
                "        pthread_sigmask(SIG_UNBLOCK, nullptr, &before_);",
            ),
        ],
        ["a limit on the size of files"],
    ),
    Mutant(
        "a mapping refused is silent",
        [
            Edit(
                "src/aggregator/lifecycle.cpp",
                "        if (mapped != SegmentStatus::ok) return refused(mapped);",
                "        if (mapped != SegmentStatus::ok) return nullptr;",
            ),
        ],
        ["an aggregator that cannot map a table"],
    ),
    Mutant(
        "a descriptor is ours whoever has its number now",
        [
            Edit(
                "src/shm/producer.cpp",
                "    if (!owns_descriptor() && !segment_.reopen()) return;",
                "",
            ),
        ],
        ["a file that has the number of a descriptor"],
    ),
    Mutant(
        "a file's number without its file system makes it ours",
        [
            Edit(
                "src/shm/segment.cpp",
                "    return fstat(fd, &info) == 0 && info.st_ino == inode_ && info.st_dev == device_;",
                "    return fstat(fd, &info) == 0 && info.st_ino == inode_;",
            ),
        ],
        ["a file that has the number of a descriptor"],
    ),
    Mutant(
        "an aggregator starts without descriptors for anybody",
        [
            Edit(
                "src/aggregator/aggregator.cpp",
                "epoll_fd_ < 0 || process_limit() == 0",
                "epoll_fd_ < 0",
            ),
        ],
        ["an aggregator started with too few descriptors"],
    ),
    Mutant(
        "no storage is reserved",
        [
            Edit(
                "src/shm/segment.cpp",
                "        error = posix_fallocate(fd(), static_cast<off_t>(offset), static_cast<off_t>(bytes));",
                "        error = offset == ~std::uint64_t{0} ? 1 : 0;",
            ),
        ],
        [
            "a host program in a tiny, full or read-only",
            "an aggregator with no room for its state",
        ],
    ),
    Mutant(
        "a segment before its identity",
        [
            Edit(
                "src/shm/producer.cpp",
                "return identify() && create_segment();",
                "if (!create_segment()) return false;\n"
                "        identify();\n"
                "        fill_header();\n"
                "        return true;",
            ),
        ],
        ["a host program whose descriptors run out"],
    ),
    Mutant(
        "want of room for the table is silent",
        [
            Edit(
                "src/aggregator/lifecycle.cpp",
                "    return status == SegmentStatus::no_space || status == SegmentStatus::failed ? errno : 0;",
                "    return status == SegmentStatus::no_space ? 0 : 0;",
            ),
        ],
        ["a process for whose table there is no room"],
    ),
    Mutant(
        "shmrun does not look at the directory",
        [
            Edit(
                "tools/shmrun/launch.cpp",
                "    return reason ? reason : what_the_directory_lacks();",
                "    return reason ? reason : (what_the_directory_lacks(), reason);",
            ),
        ],
        [
            "whoever starts a program that has no place",
            "a full /dev/shm is told of once",
        ],
    ),
    Mutant(
        "shmrun does not look at limits",
        [
            Edit(
                "tools/shmrun/launch.cpp",
                "    std::optional<std::string> reason = limit_in_the_way();",
                "    std::optional<std::string> reason = limit_in_the_way();\n"
                "    reason.reset();",
            ),
        ],
        [
            "whoever starts a program that cannot be tracked for want of address space",
            "a limit on the size of files",
        ],
    ),
    Mutant(
        "a segment takes the number of a closed stderr",
        [
            Edit(
                "src/shm/segment.cpp",
                "        return above_the_standard_ones(fd);",
                "        return fd > 2 ? above_the_standard_ones(fd) : fd;",
            ),
        ],
        ["a program that has closed its standard descriptors"],
    ),
    Mutant(
        "more processes than descriptors",
        [
            Edit(
                "src/aggregator/aggregator.cpp",
                "    return std::min<std::uint64_t>(max_processes, usable / descriptors_per_process);",
                "    return usable == 0 ? 0 : max_processes;",
            ),
        ],
        ["an aggregator without descriptors"],
    ),
    Mutant(
        "a table that cannot be looked at counts as none",
        [
            Edit(
                "src/aggregator/lifecycle.cpp",
                "        if (lacking_for(status) != 0) return false;",
                "",
            ),
        ],
        ["an aggregator whose address space runs out"],
    ),
    # What went wrong in earlier tools
    Mutant(
        "hooks wait for the aggregator",
        [
            Edit(
                "src/shm/producer.cpp",
                "    const auto spill = [&] { return push_shared(event, event.reports()); };",
                "    const auto spill = [&] {\n"
                "        if (push_shared(event, event.reports())) return true;\n"
                "        sleep_ns(100'000'000);\n"
                "        return push_shared(event, event.reports());\n"
                "    };",
            ),
            Edit(
                "src/shm/producer.cpp",
                "    bool taken = true;\n"
                "    spill_or_hold",
                "    bool taken = true;\n"
                "    if (gate.look_under_mutex() == Mode::coalescing) sleep_ns(1'000'000);\n"
                "    spill_or_hold",
            ),
        ],
        [
            "hooks do not wait for an aggregator",
            "hooks without an aggregator",
        ],
    ),
    Mutant(
        "who may not be signalled is dead",
        [
            Edit(
                "src/aggregator/process.cpp",
                "    if (lock_holder(segment_.fd(), liveness_byte)) return false;\n",
                "    if (kill(table_header().pid, 0) != 0) return true;\n"
                "    if (lock_holder(segment_.fd(), liveness_byte)) return false;\n",
            ),
            Edit(
                "src/aggregator/process.cpp",
                "#include <poll.h>",
                "#include <poll.h>\n"
                "#include <signal.h>",
            ),
        ],
        ["a process the aggregator may not signal"],
    ),
    Mutant(
        "deaths are found by a scan every four seconds",
        [
            Edit(
                "src/aggregator/aggregator.cpp",
                "scan_interval_ns = 1'000'000'000;",
                "scan_interval_ns = 4'000'000'000;",
            ),
            Edit(
                "src/aggregator/aggregator.cpp",
                "                watch(process->pidfd());",
                "",
            ),
            Edit(
                "src/aggregator/aggregator.cpp",
                "            liveness_is_due_ = liveness_is_due_ || notices.closed;",
                "",
            ),
        ],
        ["the death of a process is noticed within a second"],
    ),
    Mutant(
        "an entry that is replaced is not freed",
        [
            Edit(
                "src/aggregator/accounting.cpp",
                "        header.implicit_frees += 1;\n"
                "        release_cell(process, inserted.replaced);",
                "        (void)0;",
            ),
        ],
        ["a mesh buffer reported once more"],
    ),
    Mutant(
        "a monitor goes on with a dead aggregator's figures",
        [
            Edit(
                "tools/recording/live_frames.cpp",
                "    if (snapshot.aggregator_alive) return true;",
                "    return true;",
            ),
        ],
        ["a running monitor exits with 3"],
    ),
    Mutant(
        "figures have no age",
        [
            Edit(
                "src/shm/stats_reader.cpp",
                "snapshot.publish_age_ns = age_of(now_ns, block.header.publish_monotonic_ns);",
                "snapshot.publish_age_ns = 0;",
            ),
        ],
        ["a monitor tells how old"],
    ),
    Mutant(
        "the environment is read when the library is loaded",
        [
            Edit(
                "src/shm/hook.cpp",
                "__attribute__((destructor)) void at_exit() {",
                "__attribute__((constructor)) void at_start() { Producer::instance().decide(); }\n"
                "\n"
                "__attribute__((destructor)) void at_exit() {",
            ),
        ],
        ["the environment is read at the first call"],
    ),
    Mutant(
        "the drain looks at two lanes",
        [
            Edit(
                "src/aggregator/process.cpp",
                "const std::uint32_t lanes = std::min(lanes_to_look_at(header().lanes_used), lane_count);",
                "const std::uint32_t lanes = std::min(lanes_to_look_at(header().lanes_used), 2u);",
            ),
        ],
        ["totals of processes that report at once"],
    ),
    Mutant(
        "two aggregators serve one process",
        [
            Edit(
                "src/aggregator/lifecycle.cpp",
                "    if (owner == uid_) return true;\n"
                "    if (uid_ != 0) return false;",
                "    return true;",
            ),
            Edit(
                "src/aggregator/lifecycle.cpp",
                "        if (const SegmentStatus locked = segment.lock(claim_byte); locked != SegmentStatus::ok) return refused(locked);",
                "",
            ),
        ],
        ["two aggregators release a process once"],
    ),
    Mutant(
        "there is room for 64 processes",
        [
            Edit(
                "src/shm/stats_abi.hpp",
                "max_processes = 1024",
                "max_processes = 64",
            ),
        ],
        ["a hundred processes are all reported"],
    ),
    Mutant(
        "readers remove the segments of the dead",
        [
            Edit(
                "tools/segments/inventory.cpp",
                "    info.state = SegmentState::ended;\n",
                "    info.state = SegmentState::ended;\n"
                "    ::unlink((\"/dev/shm/\" + info.file).c_str());\n",
            ),
        ],
        ["readers change nothing"],
    ),
    Mutant(
        "a segment under its name before it is whole",
        [
            Edit(
                "src/shm/producer.cpp",
                "temporary_segment_name(settings_.name_space, owner_pid_, random_nonce())",
                "process_segment_name(settings_.name_space, owner_pid_, nonce_)",
            ),
            Edit(
                "src/shm/producer.cpp",
                " ||\n"
                "            segment_.publish_as(process_segment_name(settings_.name_space, owner_pid_, nonce_)) != SegmentStatus::ok) {",
                ") {",
            ),
        ],
        [
            "processes killed while they start",
            "a process killed anywhere inside the library",
        ],
    ),
    without_allocations_of("id"),
    without_allocations_of("device"),
    without_allocations_of("size"),
]
