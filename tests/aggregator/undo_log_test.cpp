// SPDX-License-Identifier: Apache-2.0
//
// Death at every instruction: a child carries out a batch one instruction at a time, and after each one its memory is
// recovered as the next aggregator would and compared with what it was before the batch and what it is after.
#include "aggregator/undo_log.hpp"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <memory>

#include "aggregator/table_abi.hpp"

namespace trackshm::aggregator {

namespace {

constexpr std::size_t words = 32;
constexpr std::uint64_t looked_at_log_bytes = 8192;  // more than the batch needs
using State = std::array<std::uint64_t, words>;

// What the aggregator and its successor share.
struct Memory {
    alignas(4096) std::byte ledger[log_offset + looked_at_log_bytes];
    State table;
};

struct Unmap {
    void operator()(Memory* memory) const { munmap(memory, sizeof(Memory)); }
};
using SharedMemory = std::unique_ptr<Memory, Unmap>;

SharedMemory map_memory() {
    void* memory = mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    return SharedMemory(static_cast<Memory*>(memory));
}

State& ledger_words(Memory& memory) { return *reinterpret_cast<State*>(memory.ledger + accounts_offset); }

void save_and_set(UndoLog& log, LogTarget target, State& state, std::size_t index, std::uint64_t value) {
    log.save(target, index * sizeof value, &state[index], sizeof value);
    compiler_barrier();
    state[index] = value;
    compiler_barrier();
}

// Changes both targets, one word of them twice.
void carry_out_batch(Memory& memory) {
    UndoLog log(memory.ledger);
    log.begin(1, 2);
    for (std::size_t i = 0; i < 6; ++i) save_and_set(log, LogTarget::table, memory.table, i * 3, 1000 + i);
    save_and_set(log, LogTarget::ledger, ledger_words(memory), 5, 77);
    save_and_set(log, LogTarget::table, memory.table, 3, 2000);
    save_and_set(log, LogTarget::ledger, ledger_words(memory), 6, 78);
    log.commit();
}

void recover(Memory& memory) {
    UndoLog log(memory.ledger);
    if (!log.is_open()) return;
    log.roll_back([&](LogTarget target, std::uint64_t offset, const std::byte* bytes, std::uint32_t count) {
        State& state = target == LogTarget::table ? memory.table : ledger_words(memory);
        std::memcpy(reinterpret_cast<std::byte*>(state.data()) + offset, bytes, count);
        return true;
    });
}

struct Result {
    State table;
    State ledger;
    bool operator==(const Result&) const = default;
};

Result result_of(Memory& memory) { return {memory.table, ledger_words(memory)}; }

void fill(Memory& memory) {
    for (std::size_t i = 0; i < words; ++i) {
        memory.table[i] = i;
        ledger_words(memory)[i] = 100 + i;
    }
}

[[noreturn]] void be_stepped(Memory& memory) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    carry_out_batch(memory);
    _exit(0);
}

}  // namespace

TEST_CASE("a batch cut short at any instruction is undone whole, and a committed one stays whole") {
    const SharedMemory memory = map_memory();
    fill(*memory);
    const Result before = result_of(*memory);
    const auto expected = std::make_unique<Memory>(*memory);
    carry_out_batch(*expected);
    const Result after = result_of(*expected);
    REQUIRE_FALSE(before == after);

    const pid_t child = fork();
    if (child == 0) be_stepped(*memory);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSTOPPED(status));

    std::uint64_t steps = 0;
    std::uint64_t undone = 0;
    std::uint64_t kept = 0;
    std::uint64_t torn = 0;
    const auto copy = std::make_unique<Memory>();
    for (; WIFSTOPPED(status); ++steps) {
        *copy = *memory;
        recover(*copy);
        const Result result = result_of(*copy);
        undone += result == before;
        kept += result == after;
        torn += result != before && result != after;
        REQUIRE(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
        REQUIRE(waitpid(child, &status, 0) == child);
    }
    CHECK(WIFEXITED(status));
    CHECK(torn == 0);
    CHECK(undone > 100);
    CHECK(kept > 0);
    CHECK(undone + kept == steps);
}

TEST_CASE("a roll-back that cannot write leaves the log open, and can be done again") {
    const SharedMemory memory = map_memory();
    fill(*memory);
    const Result before = result_of(*memory);
    {
        UndoLog log(memory->ledger);
        log.begin(0, 0);
        for (std::size_t word = 1; word < 6; ++word) save_and_set(log, LogTarget::table, memory->table, word, 7000 + word);
    }
    UndoLog log(memory->ledger);
    const auto write = [&](std::uint64_t& may_write) {
        return [&](LogTarget, std::uint64_t offset, const std::byte* bytes, std::uint32_t count) {
            if (may_write == 0) return false;
            --may_write;
            std::memcpy(reinterpret_cast<std::byte*>(memory->table.data()) + offset, bytes, count);
            return true;
        };
    };
    std::uint64_t may_write = 2;
    CHECK_FALSE(log.roll_back(write(may_write)));
    CHECK(log.is_open());
    CHECK_FALSE(result_of(*memory) == before);
    may_write = 100;
    CHECK(log.roll_back(write(may_write)));
    CHECK_FALSE(log.is_open());
    CHECK(result_of(*memory) == before);
}

TEST_CASE("a log that runs full says so while every account can still be saved, and keeps what it has") {
    const auto ledger = std::make_unique<std::array<std::uint64_t, ledger_segment_bytes / 8>>();
    ledger->fill(0);
    UndoLog log(reinterpret_cast<std::byte*>(ledger->data()));
    std::array<std::byte, 4096> place{};
    log.begin(0, 0);
    std::uint64_t saved = 0;
    for (; !log.overflowed(); ++saved) log.save(LogTarget::table, saved, place.data(), place.size());
    constexpr std::uint64_t usage_bytes = offsetof(UsageCell, live_by_class);
    constexpr std::uint64_t accounts_bytes = exited_offset - accounts_offset + max_usage_cells * usage_bytes;
    constexpr std::uint64_t record_overhead_bytes = 24;
    constexpr std::uint64_t accounts = shm::max_devices + shm::max_type_rows + max_usage_cells;
    CHECK(log_capacity_bytes - log.used_bytes() >= accounts_bytes + accounts * record_overhead_bytes + sizeof(TableHeader));
    while (log.used_bytes() + 2 * place.size() < log_capacity_bytes) {
        log.save(LogTarget::table, saved++, place.data(), place.size());
    }
    log.save(LogTarget::table, saved, place.data(), place.size());  // one more finds no place, and does no harm
    log.save(LogTarget::table, saved, place.data(), place.size());
    const std::uint64_t kept = log.used_bytes() / (place.size() + record_overhead_bytes);
    CHECK(log.used_bytes() <= log_capacity_bytes);
    std::uint64_t undone = 0;
    log.roll_back([&](LogTarget, std::uint64_t offset, const std::byte*, std::uint32_t) {
        ++undone;
        CHECK(offset == kept - undone);
        return true;
    });
    CHECK(undone == kept);
    CHECK_FALSE(log.is_open());
}

}  // namespace trackshm::aggregator
