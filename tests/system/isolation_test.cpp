// SPDX-License-Identifier: Apache-2.0
//
// Who may see and touch what: users beside each other, pid namespaces sharing one /dev/shm, pids that come back.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "shm/names.hpp"
#include "shm/process_abi.hpp"
#include "shm/record_lock.hpp"
#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/foreign_segment.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"
#include "support/temporary_directory.hpp"

namespace trackshm::test {

using nlohmann::json;

namespace {

namespace fs = std::filesystem;

constexpr uid_t daemon_user = 1;

mode_t mode_of(const std::string& segment) {
    struct stat info {};
    REQUIRE(lstat(("/dev/shm/" + segment).c_str(), &info) == 0);
    return info.st_mode & 07777;
}

std::string only_segment(const Namespace& name_space, const std::string& kind) {
    const auto names = name_space.segments(kind);
    REQUIRE(names.size() == 1);
    return names.front();
}

// An aggregator of some user, ready.
std::unique_ptr<Child> aggregator_of(const Namespace& name_space, uid_t user) {
    auto child = std::make_unique<Child>(Arguments{SHM_AGGREGATOR_PATH, "--namespace", name_space.name()},
                                         ChildOptions{{}, user});
    child->read_error_line_with("shm_aggregator: ready");
    return child;
}

// Locks on the first byte of files, until it goes out of scope.
class FileLocks {
public:
    FileLocks() = default;
    ~FileLocks() {
        for (const int fd : descriptors_) close(fd);
    }
    FileLocks(const FileLocks&) = delete;
    FileLocks& operator=(const FileLocks&) = delete;

    void take(const std::string& path, int access, short type) {
        descriptors_.push_back(open(path.c_str(), access | O_CLOEXEC));
        struct flock lock {};
        lock.l_type = type;
        lock.l_len = 1;
        REQUIRE(fcntl(descriptors_.back(), F_OFD_SETLK, &lock) == 0);
    }

private:
    std::vector<int> descriptors_;
};

constexpr const char* needs_pid_namespaces = "no pid namespace can be made here";

// The command in a pid namespace of its own, which ends with it.
Arguments with_own_pids(const Arguments& command) {
    Arguments arguments{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    return arguments;
}

bool can_have_own_pids() { return geteuid() == 0 && run(with_own_pids({"true"})).status.exited_with(0); }

// A tracked process of some user that holds `buffers` buffers of 10 bytes on the device.
class Program {
public:
    Program(const Namespace& name_space, uid_t user) : child_({SCRIPT_PROGRAM_PATH}, {name_space.tracked(), user}) {
        child_.read_line();
    }
    std::string operator()(const std::string& command) {
        child_.write_line(command);
        return child_.read_line();
    }
    void fill(unsigned device, unsigned buffers) {
        const std::string first = std::to_string(reported_ + 1);
        (*this)("fill 1 " + std::to_string(buffers) + " " + std::to_string(device) + " 0 " + first + " 10");
        reported_ += buffers;
        REQUIRE((*this)("sync 20000") == "ok 0");
    }
    std::uint64_t reported() const { return reported_; }
    Child& child() { return child_; }
    pid_t pid() const { return child_.pid(); }

private:
    Child child_;
    std::uint64_t reported_ = 0;
};

json snapshot_for(const Namespace& name_space, uid_t user) {
    const CommandResult result = run({SHMTOP_PATH, "--namespace", name_space.name(), "--json"}, {{}, user});
    INFO(result.error_output);
    REQUIRE(result.status.exited_with(0));
    return json::parse(result.output);
}

// An aggregator looks for new and for ended processes once a second at least, and publishes four times a second.
void wait_for_a_scan(const Namespace& name_space) {
    const auto publications = [&] {
        return shmtop_json(name_space).at("aggregator").at("publish_seq").get<std::uint64_t>();
    };
    const std::uint64_t before = publications();
    CHECK(eventually([&] { return publications() > before + 6; }));
}

std::uint64_t applied(const json& snapshot) { return snapshot.at("events").at("applied"); }

// Lines of /proc/PID/maps.
std::vector<std::string> mappings_of_segments(pid_t pid) {
    std::vector<std::string> lines;
    std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("/dev/shm/") != std::string::npos) lines.push_back(line);
    }
    return lines;
}

// Lines "flags:" of /proc/PID/fdinfo.
std::vector<std::string> descriptor_flags_of_segments(pid_t pid) {
    std::vector<std::string> lines;
    const fs::path process = "/proc/" + std::to_string(pid);
    for (const auto& descriptor : fs::directory_iterator(process / "fdinfo")) {
        std::error_code gone;
        const fs::path target = fs::read_symlink(process / "fd" / descriptor.path().filename(), gone);
        if (target.string().find("/dev/shm/") == std::string::npos) continue;
        std::ifstream info(descriptor.path());
        for (std::string line; std::getline(info, line);) {
            if (line.starts_with("flags:")) lines.push_back(line);
        }
    }
    return lines;
}

}  // namespace

TEST_CASE("segments are for their user alone, but for what root's aggregator publishes") {
    const Namespace name_space;
    Script program(name_space);
    program("alloc 0 1 0 1");
    CHECK(mode_of(only_segment(name_space, "p")) == 0600);
    {
        Aggregator aggregator(name_space);
        program.sync();
        CHECK(mode_of(only_segment(name_space, "stats")) == (geteuid() == 0 ? 0644 : 0600));
        CHECK(mode_of(only_segment(name_space, "l")) == 0600);
        CHECK(mode_of(only_segment(name_space, "ledger")) == 0600);
        CHECK(aggregator.terminate().exited_with(0));
    }
    Aggregator aggregator(name_space, {"--mode", "0640"});
    CHECK(mode_of(only_segment(name_space, "stats")) == 0640);
}

TEST_CASE("what a user's aggregator publishes is for that user alone") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    const auto aggregator = aggregator_of(name_space, nobody);
    CHECK(mode_of(only_segment(name_space, "stats")) == 0600);
    CHECK(mode_of(only_segment(name_space, "ledger")) == 0600);
}

TEST_CASE("a running reader has the counters mapped for reading only, and nothing changes when it is killed") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 100 0 1");
    program.sync();
    const auto arguments = GENERATE(values<Arguments>({{SHMTOP_PATH, "-b", "-n", "100000", "-r", "100"},
                                                       {SHMTRACE_PATH, "--live", "--seconds", "1000"},
                                                       {SHMTOP_PATH, "--format", "prom", "-n", "0", "-r", "100"}}));
    INFO(arguments.front());
    Arguments with_namespace = arguments;
    with_namespace.insert(with_namespace.end(), {"--namespace", name_space.name()});
    Child reader(with_namespace);
    REQUIRE(eventually([&] { return !mappings_of_segments(reader.pid()).empty(); }));
    for (const std::string& line : mappings_of_segments(reader.pid())) {
        INFO(line);
        CHECK(line.find(" r--s ") != std::string::npos);
    }
    for (const std::string& flags : descriptor_flags_of_segments(reader.pid())) CHECK(flags.back() == '0');  // O_RDONLY
    reader.kill();
    program("alloc 0 11 0 2");
    program.sync();
    CHECK(live_bytes(shmtop_json(name_space)) == 111);
    CHECK(shmtop_json(name_space).at("aggregator").at("exact") == true);
}

TEST_CASE("readers are not misled by counters that belong to somebody else") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    // An impostor serves a name of its own and puts what it publishes into the place of nobody's counters.
    const auto impostor = aggregator_of(name_space, daemon_user);
    const std::string own = "/dev/shm/" + only_segment(name_space, "stats");
    const std::string victims = "/dev/shm/trackshm." + name_space.name() + ".stats." + std::to_string(nobody);
    fs::rename(own, victims);
    const CommandResult result = run({SHMTOP_PATH, "--namespace", name_space.name(), "--json"}, {{}, nobody});
    CHECK(result.status.exited_with(4));
    CHECK(result.output.empty());

    REQUIRE(chmod(victims.c_str(), 0644) == 0);
    const CommandResult readable = run({SHMTOP_PATH, "--namespace", name_space.name(), "--json"}, {{}, nobody});
    INFO(readable.error_output);
    CHECK(readable.status.exited_with(4));
    CHECK(readable.output.empty());

    // Nor do they hide what root publishes.
    Aggregator roots(name_space);
    CHECK(snapshot_for(name_space, nobody).at("aggregator").at("pid") == roots.child().pid());
}

TEST_CASE("a FIFO in the place of somebody's counters stops nobody") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    const std::string fifo = "/dev/shm/trackshm." + name_space.name() + ".stats." + std::to_string(nobody);
    REQUIRE(mkfifo(fifo.c_str(), 0666) == 0);
    REQUIRE(chmod(fifo.c_str(), 0666) == 0);
    REQUIRE(chown(fifo.c_str(), nobody, nobody) == 0);
    const CommandResult result = run({SHMTOP_PATH, "--namespace", name_space.name(), "--json"}, {{}, nobody});
    CHECK(result.status.exited_with(5));
    Program alone(name_space, nobody);
    CHECK(alone("alloc 0 1 0 1") == "ok");
    CHECK(alone("sync 100") == "ok 2");

    Aggregator aggregator(name_space);  // root's looks whether nobody has one
    alone.fill(0, 5);
    CHECK(applied(shmtop_json(name_space)) == 6);
}

TEST_CASE("two users' aggregators of one namespace each serve their own processes") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    const auto first = aggregator_of(name_space, nobody);
    const auto second = aggregator_of(name_space, daemon_user);
    Program of_first(name_space, nobody);
    Program of_second(name_space, daemon_user);
    of_first.fill(1, 100);
    of_second.fill(2, 200);
    const json firsts = snapshot_for(name_space, nobody);
    const json seconds = snapshot_for(name_space, daemon_user);
    CHECK(applied(firsts) == 100);
    CHECK(applied(seconds) == 200);
    CHECK(device_row(firsts, 2).is_null());
    CHECK(device_row(seconds, 1).is_null());
    CHECK(firsts.at("aggregator").at("exact") == true);
    CHECK(seconds.at("aggregator").at("exact") == true);
}

TEST_CASE("a user's own aggregator comes before root's, and no process is drained by both") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    // Root's is there first: what it has begun with it goes on with.
    Aggregator roots(name_space);
    Program early(name_space, nobody);
    early.fill(1, 10);
    auto users = aggregator_of(name_space, nobody);
    Program late(name_space, nobody);
    Program roots_own(name_space, 0);
    for (int i = 0; i < 20; ++i) {
        early.fill(1, 10);
        late.fill(2, 10);
        roots_own.fill(3, 10);
    }
    const json by_root = shmtop_json(name_space);
    const json by_user = snapshot_for(name_space, nobody);
    CHECK(process_row(by_user, late.pid()).is_object());
    CHECK(process_row(by_root, late.pid()).is_null());
    CHECK(process_row(by_root, early.pid()).is_object());
    CHECK(process_row(by_user, early.pid()).is_null());
    CHECK(applied(by_root) == early.reported() + roots_own.reported());
    CHECK(applied(by_user) == late.reported());
    for (int i = 0; i < 10; ++i) {  // not by being faster
        Program another(name_space, nobody);
        another.fill(4, 1);
    }
    CHECK(device_row(shmtop_json(name_space), 4).is_null());

    // While the user's is down, root's leaves alone what is in the user's ledger; the next one goes on with it.
    users->kill();
    late("alloc 2 10 0 100000");
    roots_own.fill(3, 10);
    wait_for_a_scan(name_space);
    CHECK(process_row(shmtop_json(name_space), late.pid()).is_null());
    users = aggregator_of(name_space, nobody);
    late.fill(2, 10);
    const json again = snapshot_for(name_space, nobody);
    CHECK(applied(again) == late.reported() + 1 + 10);
    CHECK(again.at("aggregator").at("exact") == true);
    CHECK(live_buffers(again) == late.reported() + 1);
}

TEST_CASE("whoever may read the counters can neither keep the next aggregator from serving nor pass for one") {
    const Namespace name_space;
    const std::string stats = "/dev/shm/trackshm." + name_space.name() + ".stats." + std::to_string(geteuid());
    Script program(name_space);
    program("alloc 0 100 0 1");
    {
        Aggregator first(name_space);
        program.sync();
        CHECK(first.terminate().exited_with(0));
    }
    FileLocks locks;
    locks.take(stats, O_RDONLY, F_RDLCK);
    CHECK(shmtop(name_space, {"--json"}).status.exited_with(3));
    CHECK(program("sync 1000") == "2");  // nobody to wait for
    Aggregator second(name_space);
    program("alloc 0 10 0 2");
    program.sync();
    CHECK(live_bytes(shmtop_json(name_space)) == 110);
    CHECK(shmtop_json(name_space).at("aggregator").at("start_count") == 2);
}

TEST_CASE("files of other users in the place of its own do not keep root's aggregator from serving") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    const std::string prefix = "/dev/shm/trackshm." + name_space.name() + ".";
    Program program(name_space, daemon_user);
    program.child().write_line("alloc 0 100 0 1");
    program.child().read_line();
    std::string table = only_segment(name_space, "p");
    table.replace(table.find(".p."), 3, ".l.");
    const std::string kind = GENERATE("locked files", "links", "directories", "FIFOs");
    INFO(kind);
    FileLocks locks;
    for (const std::string& path : {prefix + "stats.0", prefix + "ledger.0", "/dev/shm/" + table,
                                    prefix + "l.4242424.f00d", prefix + "p.4242424.f00d"}) {
        if (kind == "links") fs::create_symlink("/nowhere", path);
        if (kind == "directories") fs::create_directory(path);
        if (kind == "FIFOs") REQUIRE(mkfifo(path.c_str(), 0600) == 0);
        if (kind == "locked files") {
            write_file(path, std::string(1 << 20, 'x'));
            // But for that a process: a live one that cannot be served is to be counted.
            if (path.find(".p.") == std::string::npos) locks.take(path, O_RDWR, F_WRLCK);
        }
        REQUIRE(lchown(path.c_str(), nobody, nobody) == 0);
    }

    Aggregator aggregator(name_space);
    CHECK(program("sync 20000") == "ok 0");
    CHECK(process_row(shmtop_json(name_space), program.pid()).at("live_bytes") == 100);
    CHECK(process_row(shmtop_json(name_space), program.pid()).at("exact") == true);
    CHECK(shmtop_json(name_space).at("aggregator").at("exact") == true);
    CHECK(shmtop_json(name_space).at("aggregator").at("start_count") == 1);
}

TEST_CASE("root's aggregator goes on with the process of a user who has one now") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    auto roots = std::make_unique<Aggregator>(name_space);
    Program program(name_space, nobody);
    program.fill(0, 10);
    const auto users = aggregator_of(name_space, nobody);
    CHECK(roots->terminate().exited_with(0));
    // Nobody serves it now, and the user's says so.
    REQUIRE(eventually([&] {
        return snapshot_for(name_space, nobody).at("events").at("waiting_processes") == 1;
    }));
    CHECK(snapshot_for(name_space, nobody).at("aggregator").at("exact") == false);
    roots = std::make_unique<Aggregator>(name_space);
    program.fill(0, 5);
    const auto row = [&] { return process_row(snapshot_for(name_space, 0), program.pid()); };
    CHECK(row().at("live_buffers") == 15);
    CHECK(row().at("exact") == true);
    CHECK(eventually([&] { return snapshot_for(name_space, nobody).at("events").at("waiting_processes") == 0; }));
    program.child().kill();
    CHECK(eventually([&] { return exited_row(snapshot_for(name_space, 0), program.pid()).is_object(); }));
    CHECK(live_buffers(snapshot_for(name_space, 0)) == 0);
    CHECK(name_space.segments("p").empty());
}

TEST_CASE("a process that may not be looked at and has lost its lock counts as ended, and not as exact") {
    if (!can_run_as(nobody)) SKIP_TEST(needs_other_user);
    const Namespace name_space;
    const auto aggregator = aggregator_of(name_space, nobody);
    Program program(name_space, nobody);
    program.fill(0, 10);
    program("undumpable");
    program("close_descriptors");
    const auto record = [&] { return exited_row(snapshot_for(name_space, nobody), program.pid()); };
    REQUIRE(eventually([&] { return record().is_object(); }));
    CHECK(record().at("exact") == false);
    CHECK(record().at("leaked_buffers") == 10);
}

TEST_CASE("cleaning spares what a process in another pid namespace maps") {
    const Namespace name_space;
    if (!can_have_own_pids()) SKIP_TEST(needs_pid_namespaces);
    Child program(with_own_pids({SCRIPT_PROGRAM_PATH}), {name_space.tracked()});
    program.read_line();
    for (const char* command : {"alloc 0 1 0 1", "close_descriptors"}) {
        program.write_line(command);
        CHECK(program.read_line() == "ok");
    }
    const Arguments clean{SHMDUMP_PATH, "--namespace", name_space.name(), "clean", "--all"};
    CHECK(run(clean).status.exited_with(0));
    CHECK(name_space.segments("p").size() == 1);
    Aggregator aggregator(name_space);
    program.write_line("sync 20000");
    CHECK(program.read_line() == "ok 0");
    CHECK(live_buffers(shmtop_json(name_space)) == 1);
    program.close_input();
    CHECK(eventually([&] { return name_space.segments("p").empty(); }));
}

TEST_CASE("a process in another pid namespace is alive while it lives, whatever its pid means here") {
    const Namespace name_space;
    if (!can_have_own_pids()) SKIP_TEST(needs_pid_namespaces);
    Aggregator aggregator(name_space);
    Child program(with_own_pids({SCRIPT_PROGRAM_PATH}), {name_space.tracked()});
    CHECK(program.read_line() == "ok 1");  // its own pid there: init's here
    program.write_line("alloc 5 500 0 1");
    CHECK(program.read_line() == "ok");
    program.write_line("sync 20000");
    CHECK(program.read_line() == "ok 0");
    const json snapshot = shmtop_json(name_space);
    REQUIRE(snapshot.at("processes").size() == 1);
    const pid_t seen_from_here = snapshot.at("processes")[0].at("pid");
    CHECK(seen_from_here != 1);
    CHECK(fs::exists("/proc/" + std::to_string(seen_from_here)));
    CHECK(device_row(snapshot, 5).at("live_bytes") == 500);

    // Still there after the aggregator has looked for ended ones.
    wait_for_a_scan(name_space);
    CHECK(device_row(shmtop_json(name_space), 5).at("live_bytes") == 500);

    program.close_input();
    CHECK(eventually([&] { return exited_row(shmtop_json(name_space), seen_from_here).is_object(); }));
    CHECK(device_row(shmtop_json(name_space), 5).at("live_bytes") == 0);
    CHECK(eventually([&] { return name_space.segments("p").empty(); }));
}

TEST_CASE("a process that the aggregator cannot see has no pid for it, rather than somebody else's") {
    const Namespace name_space;
    if (!can_have_own_pids()) SKIP_TEST(needs_pid_namespaces);
    Child aggregator(with_own_pids({SHM_AGGREGATOR_PATH, "--namespace", name_space.name()}));
    aggregator.read_error_line_with("ready");
    Script program(name_space);
    program("alloc 5 500 0 1");
    program.sync();
    const json snapshot = shmtop_json(name_space);
    REQUIRE(snapshot.at("processes").size() == 1);
    CHECK(snapshot.at("processes")[0].at("pid") == nullptr);
    CHECK(snapshot.at("processes")[0].at("own_pid") == program.pid());
    CHECK(snapshot.at("processes")[0].at("comm") == program.comm());
    const json buffers = json::parse(run({SHMDUMP_PATH, "--namespace", name_space.name(), "buffers", "--json"}).output);
    REQUIRE(buffers.size() == 1);
    CHECK(buffers[0].at("pid") == nullptr);
    CHECK(device_row(snapshot, 5).at("live_bytes") == 500);

    program.child().kill();
    const auto has_its_end = [&] { return !shmtop_json(name_space).at("exited").empty(); };
    REQUIRE(eventually(has_its_end));
    const json after = shmtop_json(name_space);
    CHECK(after.at("exited")[0].at("pid") == nullptr);
    CHECK(after.at("exited")[0].at("leaked_bytes") == 500);
    CHECK(device_row(after, 5).at("live_bytes") == 0);
}

TEST_CASE("an old segment whose pid belongs to a living process now is reaped, not adopted") {
    const Namespace name_space;
    std::vector<std::byte> image;
    {
        Script program(name_space);
        program("fill 1 20 3 0 1 10");
        const ForeignSegment segment(name_space, program.pid());
        image.assign(segment.data(), segment.data() + segment.bytes());
        program.child().kill();
    }
    for (const std::string& name : name_space.segments("p")) fs::remove("/dev/shm/" + name);
    // The same, as if its owner had had the pid that an unrelated program has now.
    Child unrelated({"sleep", "1000"});
    auto& header = *reinterpret_cast<shm::ProcessHeader*>(image.data());
    header.pid = unrelated.pid();
    const std::string name = shm::process_segment_name(name_space.name(), header.pid, header.nonce);
    std::ofstream(shm::path_of(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(image.size()));

    Aggregator aggregator(name_space);
    CHECK(eventually([&] { return name_space.segments("p").empty(); }));
    const json snapshot = shmtop_json(name_space);
    CHECK(snapshot.at("processes").empty());
    CHECK(exited_row(snapshot, unrelated.pid()).at("leaked_buffers") == 20);
    CHECK(device_row(snapshot, 3).at("live_bytes") == 0);
    CHECK_FALSE(unrelated.has_ended());
}

TEST_CASE("one process is drained by one aggregator, also when another one has its claim") {
    const Namespace name_space;
    Script program(name_space);
    program("alloc 0 10 0 1");
    const ForeignSegment segment(name_space, program.pid());
    Aggregator* started = nullptr;
    {
        // As another version's aggregator would hold it.
        const int other = open(segment.path().c_str(), O_RDWR | O_CLOEXEC);
        struct flock claim {};
        claim.l_type = F_WRLCK;
        claim.l_start = shm::claim_byte;
        claim.l_len = 1;
        REQUIRE(fcntl(other, F_OFD_SETLK, &claim) == 0);
        started = new Aggregator(name_space);
        for (int i = 0; i < 3; ++i) CHECK(program("sync 200") == "1");
        CHECK(shmtop_json(name_space).at("processes").empty());
        close(other);
    }
    const std::unique_ptr<Aggregator> aggregator(started);
    program.sync();
    CHECK(live_bytes(shmtop_json(name_space)) == 10);
}

}  // namespace trackshm::test
