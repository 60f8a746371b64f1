// SPDX-License-Identifier: Apache-2.0
#include "shm/segment.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/process_abi.hpp"
#include "shm/record_lock.hpp"

namespace trackshm::shm {

namespace fs = std::filesystem;

namespace {

// A name nobody else has, gone at the end.
class Name {
public:
    explicit Name(const std::string& suffix = "")
        : text_("trackshm-test." + std::to_string(getpid()) + "." + std::to_string(random_nonce()) + suffix) {}
    ~Name() {
        std::error_code ignored;
        fs::remove_all(path(), ignored);
    }
    Name(const Name&) = delete;
    Name& operator=(const Name&) = delete;
    operator const std::string&() const { return text_; }
    std::string path() const { return path_of(text_); }

private:
    std::string text_;
};

// What a child process finds, whose descriptors, limits and signals are its own.
template <class Condition>
bool holds_in_child(Condition&& condition) {
    const pid_t child = fork();
    if (child == 0) _exit(condition() ? 0 : 1);
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("a segment appears under its final name complete, and its temporary name is gone") {
    const Name temporary(".tmp");
    const Name final_name;
    Segment writer;
    REQUIRE(writer.create(temporary, 2 * page_bytes, page_bytes) == SegmentStatus::ok);
    *writer.at<std::uint64_t>(8) = 42;
    Segment reader;
    CHECK(reader.open(final_name, bip::read_only, page_bytes) == SegmentStatus::absent);
    REQUIRE(writer.publish_as(final_name) == SegmentStatus::ok);
    CHECK_FALSE(fs::exists(temporary.path()));
    REQUIRE(reader.open(final_name, bip::read_only, page_bytes) == SegmentStatus::ok);
    CHECK(*reader.at<std::uint64_t>(8) == 42);
    CHECK(reader.bytes() == 2 * page_bytes);
    CHECK(reader.owner_uid() == geteuid());
    CHECK((fs::status(final_name.path()).permissions() & fs::perms::mask) ==
          (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("a segment never takes the place of another") {
    const Name name;
    const Name other;
    Segment first;
    REQUIRE(first.create(name, page_bytes, page_bytes) == SegmentStatus::ok);
    Segment second;
    CHECK(second.create(name, page_bytes, page_bytes) != SegmentStatus::ok);
    REQUIRE(second.create(other, page_bytes, page_bytes) == SegmentStatus::ok);
    CHECK(second.publish_as(name) != SegmentStatus::ok);
    CHECK(leads_to(name, [&] {
                       struct stat info {};
                       fstat(first.fd(), &info);
                       return info.st_dev;
                   }(),
                   first.inode()));
}

TEST_CASE("files that are too small, linked twice, directories or links are unsuitable") {
    const Name name;
    Segment segment;
    std::ofstream(name.path()) << "short";
    CHECK(segment.open(name, bip::read_only, page_bytes) == SegmentStatus::unsuitable);
    fs::resize_file(name.path(), page_bytes);
    CHECK(segment.open(name, bip::read_only, page_bytes) == SegmentStatus::ok);

    const Name twin;
    fs::create_hard_link(name.path(), twin.path());
    CHECK(segment.open(name, bip::read_only, page_bytes) == SegmentStatus::unsuitable);

    const Name link;
    fs::create_symlink(name.path(), link.path());
    CHECK(segment.open(link, bip::read_only, page_bytes) != SegmentStatus::ok);

    const Name directory;
    fs::create_directory(directory.path());
    CHECK(segment.open(directory, bip::read_only, page_bytes) != SegmentStatus::ok);
}

TEST_CASE("unlinking spares a file that has taken over the name") {
    const Name name;
    Segment segment;
    REQUIRE(segment.create(name, page_bytes, page_bytes) == SegmentStatus::ok);
    fs::remove(name.path());
    std::ofstream(name.path()) << "somebody else's";
    segment.unlink();
    CHECK(fs::exists(name.path()));
}

TEST_CASE("a segment larger than the storage there is fails without touching it") {
    const Name name;
    Segment segment;
    CHECK(segment.create(name, std::uint64_t{1} << 45, std::uint64_t{1} << 45) == SegmentStatus::no_space);
    CHECK_FALSE(fs::exists(name.path()));
}

TEST_CASE("a limit on the size of files is an error, and no signal") {
    const Name name;
    CHECK(holds_in_child([&] {
        const rlimit limit{4096, 4096};
        setrlimit(RLIMIT_FSIZE, &limit);
        Segment segment;
        const SegmentStatus status = segment.create(name, 65536, 65536);
        const bool refused = status == SegmentStatus::no_space && errno == EFBIG;
        sigset_t pending;
        sigset_t blocked;
        sigpending(&pending);
        sigprocmask(SIG_BLOCK, nullptr, &blocked);
        return refused && sigismember(&pending, SIGXFSZ) == 0 && sigismember(&blocked, SIGXFSZ) == 0;
    }));
}

TEST_CASE("a segment does not take the number of a standard descriptor that is closed") {
    const Name name;
    CHECK(holds_in_child([&] {
        close(STDERR_FILENO);
        Segment segment;
        Segment again;
        return segment.create(name, 4096, 4096) == SegmentStatus::ok && segment.fd() > STDERR_FILENO &&
               again.open(name, bip::read_only, 1) == SegmentStatus::ok && again.fd() > STDERR_FILENO;
    }));
}

TEST_CASE("a name that somebody gave to something else than a file is unsuitable, and can be had back") {
    const Name name;
    SECTION("a symbolic link") { fs::create_symlink("/nowhere", name.path()); }
    SECTION("a directory") { fs::create_directory(name.path()); }
    SECTION("a FIFO") { REQUIRE(mkfifo(name.path().c_str(), 0600) == 0); }
    Segment segment;
    CHECK(segment.open(name, bip::read_write, 1) == SegmentStatus::unsuitable);
    CHECK(remove_file(name));
    CHECK(segment.create(name, 4096, 4096) == SegmentStatus::ok);
}

TEST_CASE("a reader's lock does not pass for the owner's") {
    const Name name;
    Segment segment;
    REQUIRE(segment.create(name, 4096, 4096) == SegmentStatus::ok);
    const int reader = open(name.path().c_str(), O_RDONLY | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_RDLCK;
    lock.l_start = aggregator_byte;
    lock.l_len = 1;
    REQUIRE(fcntl(reader, F_OFD_SETLK, &lock) == 0);
    CHECK_FALSE(lock_holder(segment.fd(), aggregator_byte));
    CHECK_FALSE(lock_as_description(segment.fd(), aggregator_byte));
    close(reader);
    REQUIRE(lock_as_description(segment.fd(), aggregator_byte));
    Segment other;
    REQUIRE(other.open(name, bip::read_only, 1) == SegmentStatus::ok);
    CHECK(lock_holder(other.fd(), aggregator_byte));
}

TEST_CASE("a lock on a byte tells its holder, does not outlive it and is not inherited") {
    const Name name;
    Segment segment;
    REQUIRE(segment.create(name, page_bytes, page_bytes) == SegmentStatus::ok);
    REQUIRE(lock_as_process(segment.fd(), liveness_byte));
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
        const auto holder = lock_holder(segment.fd(), liveness_byte);
        const bool parent_holds = holder && holder->pid == parent && !lock_as_process(segment.fd(), liveness_byte);
        _exit(parent_holds && lock_as_process(segment.fd(), claim_byte) ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK_FALSE(lock_holder(segment.fd(), claim_byte));
}

TEST_CASE("a lock that cannot be had for want of a descriptor is nobody's") {
    const Name name;
    Segment segment;
    Segment other;
    REQUIRE(segment.create(name, page_bytes, page_bytes) == SegmentStatus::ok);
    REQUIRE(other.open(name, bip::read_write, page_bytes) == SegmentStatus::ok);
    rlimit files{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &files) == 0);
    const rlimit none{0, files.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const SegmentStatus without = segment.lock(aggregator_byte);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &files) == 0);
    CHECK(without == SegmentStatus::no_space);
    CHECK(segment.lock(aggregator_byte) == SegmentStatus::ok);
    CHECK(other.lock(aggregator_byte) == SegmentStatus::permission_denied);
    segment.unlink();
    CHECK(other.lock(claim_byte) == SegmentStatus::absent);
}

// Reading it keeps the memory of a process, and with it the files it has mapped, a moment beyond its end.
TEST_CASE("a lock is free once its owner is dead, whoever looks at the owner's memory map") {
    const Name name;
    Segment made;
    REQUIRE(made.create(name, page_bytes, page_bytes) == SegmentStatus::ok);
    for (int round = 0; round < 100; ++round) {
        int ready[2];
        REQUIRE(pipe(ready) == 0);
        const pid_t owner = fork();
        if (owner == 0) {
            Segment segment;
            const bool locked = segment.open(name, bip::read_write, page_bytes) == SegmentStatus::ok &&
                                segment.lock(aggregator_byte) == SegmentStatus::ok;
            if (write(ready[1], locked ? "y" : "n", 1) == 1) pause();
            _exit(1);
        }
        char answer = 0;
        REQUIRE(read(ready[0], &answer, 1) == 1);
        REQUIRE(answer == 'y');
        close(ready[0]);
        close(ready[1]);
        std::atomic<int> looks{0};
        std::atomic<bool> stop{false};
        std::thread onlooker([&] {
            for (; !stop; ++looks) {
                std::ifstream maps("/proc/" + std::to_string(owner) + "/maps");
                for (std::string line; std::getline(maps, line);) {
                }
            }
        });
        while (looks == 0) std::this_thread::yield();
        kill(owner, SIGKILL);
        waitpid(owner, nullptr, 0);
        const bool is_free = !lock_holder(made.fd(), aggregator_byte);
        stop = true;
        onlooker.join();
        REQUIRE(is_free);
    }
}

}  // namespace trackshm::shm
