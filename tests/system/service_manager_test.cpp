// SPDX-License-Identifier: Apache-2.0
//
// What the aggregator tells the service manager that started it, heard on a socket of the test's own.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <optional>
#include <stdexcept>

#include "support/commands.hpp"
#include "support/script.hpp"

namespace trackshm::test {
namespace {

// The other end of $NOTIFY_SOCKET.
class NotifySocket {
public:
    explicit NotifySocket(bool abstract) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        static int count = 0;
        const std::string name = "trackshm-notify-" + std::to_string(getpid()) + "-" + std::to_string(++count);
        address_ = abstract ? "@" + name : "/tmp/" + name;
        socket_address_.sun_family = AF_UNIX;
        address_.copy(socket_address_.sun_path, sizeof socket_address_.sun_path);
        if (abstract) socket_address_.sun_path[0] = '\0';
        if (bind(fd_, generic_address(), address_bytes()) != 0) throw std::runtime_error("bind failed");
    }
    ~NotifySocket() {
        close(fd_);
        if (address_.front() == '/') unlink(address_.c_str());
    }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    const std::string& address() const { return address_; }

    // The next message; nothing when none comes in time.
    std::optional<std::string> receive(Milliseconds deadline = default_deadline) const {
        pollfd readable{fd_, POLLIN, 0};
        if (poll(&readable, 1, static_cast<int>(deadline.count())) != 1) return std::nullopt;
        std::array<char, 4096> buffer;
        const ssize_t bytes = recv(fd_, buffer.data(), buffer.size(), 0);
        if (bytes < 0) throw std::runtime_error("recv failed");
        return std::string(buffer.data(), static_cast<std::size_t>(bytes));
    }

    // Puts messages in until there is no room for another.
    void fill() const {
        const int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        while (sendto(sender, "filler", 6, MSG_DONTWAIT, generic_address(), address_bytes()) == 6) {
        }
        const int error = errno;
        close(sender);
        if (error != EAGAIN) throw std::runtime_error("the queue does not fill");
    }

private:
    const sockaddr* generic_address() const { return reinterpret_cast<const sockaddr*>(&socket_address_); }
    socklen_t address_bytes() const {
        return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    }

    int fd_;
    std::string address_;
    sockaddr_un socket_address_{};
};

class NotifyingAggregator : public Child {
public:
    NotifyingAggregator(const Namespace& name_space, const std::string& address, const Environment& more = {})
        : Child({SHM_AGGREGATOR_PATH, "--namespace", name_space.name()}, {with(address, more)}) {}

private:
    static Environment with(const std::string& address, Environment environment) {
        environment["NOTIFY_SOCKET"] = address;
        return environment;
    }
};

bool has_line(const std::optional<std::string>& message, const std::string& line) {
    return message && ("\n" + *message + "\n").find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the service manager is told when readers can attach and when the aggregator stops") {
    const Namespace name_space;
    const NotifySocket manager(GENERATE(true, false));
    NotifyingAggregator aggregator(name_space, manager.address());
    const auto ready = manager.receive();
    REQUIRE(has_line(ready, "READY=1"));
    CHECK(has_line(ready, "STATUS=serving namespace " + name_space.name()));
    CHECK(shmtop(name_space, {"--json"}).status.exited_with(0));

    aggregator.signal(SIGTERM);
    CHECK(has_line(manager.receive(), "STOPPING=1"));
    CHECK(aggregator.wait().exited_with(0));
    CHECK_FALSE(manager.receive(Milliseconds(0)));
}

TEST_CASE("the watchdog hears from an aggregator that runs and from none that is stopped") {
    const Namespace name_space;
    const NotifySocket manager(false);
    NotifyingAggregator aggregator(name_space, manager.address(), {{"WATCHDOG_USEC", "100000"}});
    REQUIRE(has_line(manager.receive(), "READY=1"));
    for (int i = 0; i < 5; ++i) REQUIRE(has_line(manager.receive(), "WATCHDOG=1"));

    aggregator.stop();
    while (manager.receive(Milliseconds(0))) {
    }
    CHECK_FALSE(manager.receive(Milliseconds(300)));
    aggregator.resume();
    CHECK(has_line(manager.receive(), "WATCHDOG=1"));
}

TEST_CASE("a watchdog that waits for another process, or for nothing that can be read, hears nothing") {
    const Namespace name_space;
    const NotifySocket manager(false);
    const Environment environment = GENERATE(Environment{{"WATCHDOG_USEC", "1000"}, {"WATCHDOG_PID", "1"}},
                                             Environment{{"WATCHDOG_USEC", "soon"}}, Environment{{"WATCHDOG_USEC", "0"}},
                                             Environment{{"WATCHDOG_USEC", "99999999999999999999"}});
    NotifyingAggregator aggregator(name_space, manager.address(), environment);
    REQUIRE(has_line(manager.receive(), "READY=1"));
    Script program(name_space);
    for (int i = 0; i < 10; ++i) {  // ten turns at least
        program("alloc 0 1 0 " + std::to_string(i));
        program.sync();
    }
    aggregator.signal(SIGTERM);
    CHECK(has_line(manager.receive(), "STOPPING=1"));
}

TEST_CASE("a service manager that does not read holds nothing up") {
    const Namespace name_space;
    const NotifySocket manager(false);
    NotifyingAggregator aggregator(name_space, manager.address(), {{"WATCHDOG_USEC", "2000"}});
    REQUIRE(has_line(manager.receive(), "READY=1"));
    manager.fill();
    Script program(name_space);
    program("alloc 0 1 0 1");
    program.sync();
    CHECK(live_buffers(shmtop_json(name_space)) == 1);
    aggregator.signal(SIGTERM);
    CHECK(aggregator.wait().exited_with(0));
}

TEST_CASE("a notify socket that is none is no reason not to serve") {
    const Namespace name_space;
    const std::string address = GENERATE(as<std::string>{}, "", "nonsense", "/nowhere/notify", std::string(300, '/'));
    NotifyingAggregator aggregator(name_space, address, {{"WATCHDOG_USEC", "1000"}});
    aggregator.read_error_line_with("ready");
    Script program(name_space);
    program("alloc 0 1 0 1");
    program.sync();
    aggregator.signal(SIGTERM);
    CHECK(aggregator.wait().exited_with(0));
}

}  // namespace trackshm::test
