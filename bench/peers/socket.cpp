// SPDX-License-Identifier: Apache-2.0
//
// The peer "socket": every event one 72-byte message over a Unix stream socket, sent under a mutex, to a server process
// on the other core that keeps a map by buffer id. Written for this comparison after the protocol of the socket
// tracker. The time a batch takes is the time the allocator waits.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <stdexcept>

#include "churn_run.hpp"
#include "harness/machine.hpp"
#include "harness/registry.hpp"
#include "peers/live_buffers.hpp"
#include "predecessor_run.hpp"

namespace trackshm::bench {
namespace {

struct Message {
    EventKind kind;  // neither of the two: a question, which the server answers with a ServerReport
    std::uint8_t buffer_type;
    std::uint8_t padding[2];
    std::uint32_t device;
    std::uint64_t size_bytes;
    std::uint64_t buffer_id;
    std::uint64_t time_ns;
    std::uint32_t pid;
    char rest[36];
};
static_assert(sizeof(Message) == 72, "the size of the replaced protocol's message");

constexpr EventKind question{};

struct ServerReport {
    std::uint64_t messages = 0;
    std::uint64_t live_buffers = 0;
};

[[noreturn]] void serve(int socket) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to(Core::consumer);
    LiveBuffers buffers;
    ServerReport report;
    // One message at a time, as it was done.
    for (Message message; recv(socket, &message, sizeof message, MSG_WAITALL) == ssize_t{sizeof message};) {
        if (message.kind != question) {
            buffers.apply(message);
            ++report.messages;
            continue;
        }
        report.live_buffers = buffers.count();
        send(socket, &report, sizeof report, MSG_NOSIGNAL);
    }
    _exit(0);
}

class SocketReporter {
public:
    SocketReporter() {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("no socket");
        server_ = fork();
        if (server_ < 0) throw std::runtime_error("no server process");
        if (server_ == 0) {
            close(ends[0]);
            serve(ends[1]);
        }
        close(ends[1]);
        socket_ = ends[0];
    }
    SocketReporter(const SocketReporter&) = delete;
    SocketReporter& operator=(const SocketReporter&) = delete;
    ~SocketReporter() {
        close(socket_);
        waitpid(server_, nullptr, 0);
    }

    void allocation(std::uint32_t device, std::uint64_t size_bytes, std::uint64_t id) const noexcept {
        send_message(EventKind::allocation, device, size_bytes, id);
    }
    void deallocation(std::uint64_t id) const noexcept { send_message(EventKind::deallocation, 0, 0, id); }
    void settle() const { ask(); }

    // What the server has once it has applied everything.
    ServerReport ask() const {
        ServerReport report;
        send_message(question, 0, 0, 0);
        if (recv(socket_, &report, sizeof report, MSG_WAITALL) != ssize_t{sizeof report}) {
            throw std::runtime_error("the socket server ended early");
        }
        return report;
    }

private:
    void send_message(EventKind kind, std::uint32_t device, std::uint64_t size_bytes, std::uint64_t id) const noexcept {
        Message message{};
        message.kind = kind;
        message.device = device;
        message.size_bytes = size_bytes;
        message.buffer_id = id;
        message.time_ns = now_ns();
        message.pid = static_cast<std::uint32_t>(pid_);
        const std::lock_guard lock(mutex_);
        send(socket_, &message, sizeof message, MSG_NOSIGNAL);
    }

    mutable std::mutex mutex_;
    pid_t pid_ = getpid();
    pid_t server_ = -1;
    int socket_ = -1;
};

Figures churn(const nlohmann::json& arguments) {
    const SocketReporter reporter;
    Figures figures = run_churn(reporter, arguments);
    const ServerReport report = reporter.ask();
    check_all_arrived(figures, report.messages, report.live_buffers);
    return figures;
}

Figures predecessor(const nlohmann::json& arguments) {
    const SocketReporter reporter;
    Figures figures = run_predecessor_workload(reporter, arguments);
    const ServerReport report = reporter.ask();
    check_all_arrived(figures, report.messages, report.live_buffers);
    return figures;
}

const RegisterRole churn_role({"peer_socket", churn});
const RegisterRole predecessor_role({"predecessor_socket", predecessor});

}  // namespace
}  // namespace trackshm::bench
