// SPDX-License-Identifier: Apache-2.0
//
// socket_baseline: the hook against the way it replaces: every event a blocking send to a server.
//
// Workload: the one of hook_sustained, flat out, reported through the hook and, in alternating rounds, as one 72-byte
// message per event over a Unix stream socket under a mutex, to a server process on the other core that keeps a
// std::unordered_map by buffer id. Written for this comparison after the protocol of the socket tracker. The time a
// batch takes is the time the allocator waits.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

#include "harness/experiment.hpp"
#include "workload.hpp"

namespace trackshm::bench {
namespace {

enum class MessageKind : std::uint8_t { allocation = 1, deallocation = 2 };

struct Message {
    MessageKind kind;
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

struct ServerReport {
    std::uint64_t messages = 0;
    std::uint64_t live_buffers = 0;
};

// One message at a time, as it was done.
bool receive(int socket, Message& message) {
    return recv(socket, &message, sizeof message, MSG_WAITALL) == static_cast<ssize_t>(sizeof message);
}

[[noreturn]] void serve(int socket) {
    pin_to(Core::consumer);
    std::unordered_map<std::uint64_t, Message> live;
    std::uint64_t live_bytes[8] = {};
    ServerReport report;
    for (Message message; receive(socket, message); ++report.messages) {
        if (message.kind == MessageKind::allocation) {
            live[message.buffer_id] = message;
            live_bytes[message.device % 8] += message.size_bytes;
        } else if (const auto found = live.find(message.buffer_id); found != live.end()) {
            live_bytes[found->second.device % 8] -= found->second.size_bytes;
            live.erase(found);
        }
    }
    report.live_buffers = live.size();
    const bool sent = send(socket, &report, sizeof report, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof report);
    _exit(sent ? 0 : 1);
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
        send_message(MessageKind::allocation, device, size_bytes, id);
    }
    void deallocation(std::uint64_t id) const noexcept { send_message(MessageKind::deallocation, 0, 0, id); }

    // Waits until the server has applied everything; nothing can be reported afterwards.
    ServerReport finish() const {
        ServerReport report;
        shutdown(socket_, SHUT_WR);
        if (recv(socket_, &report, sizeof report, MSG_WAITALL) != static_cast<ssize_t>(sizeof report)) {
            throw std::runtime_error("the socket server ended early");
        }
        return report;
    }

private:
    void send_message(MessageKind kind, std::uint32_t device, std::uint64_t size_bytes,
                      std::uint64_t id) const noexcept {
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

Figures churn_over_socket(const nlohmann::json& arguments) {
    const auto batches = arguments.at("batches").get<std::uint64_t>();
    const std::uint64_t warm_up_batches = batches / 10;
    BatchTimes times(events_per_batch, batches);
    const SocketReporter reporter;
    Churn churn(churn_live_buffers);

    churn.preload(reporter, 0, churn_live_buffers);
    churn.turns(reporter, warm_up_batches * pairs_per_batch);
    const std::uint64_t start_ns = now_ns();
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
        times.start();
        churn.turns(reporter, pairs_per_batch);
        times.lap();
    }
    while (churn.unload(reporter, events_per_batch)) {
    }
    const ServerReport report = reporter.finish();
    const auto elapsed_ns = static_cast<double>(now_ns() - start_ns);
    const std::uint64_t sent = (warm_up_batches + batches) * events_per_batch + 2 * churn_live_buffers;
    if (report.messages != sent || report.live_buffers != 0) {
        throw std::runtime_error("the socket server lost messages");
    }

    Figures figures = Figures::object();
    times.summarize(figures);
    figures["published_per_s"] = static_cast<double>(batches * events_per_batch) * 1e9 / elapsed_ns;
    return figures;
}

void run(const Options& options, Result& result) {
    const nlohmann::json arguments = {{"batches", options.sized(15'000, 500)}, {"pace_ns", 0}};
    run_interleaved(options,
                    {{"hook", "hook_sustained", arguments},
                     {"72-byte messages", "socket", arguments, Tracking::off}},
                    result);
    result.notes.push_back(ratio_note(result, 1, 0, "mean_ns"));
    result.notes.push_back(ratio_note(result, 1, 0, "max_batch_us"));
}

const RegisterRole role({"socket", churn_over_socket});
const RegisterBenchmark benchmark({"socket_baseline", "the hook against a socket message per event", run});

}  // namespace
}  // namespace trackshm::bench
