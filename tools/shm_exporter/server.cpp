// SPDX-License-Identifier: Apache-2.0
#include "shm_exporter/server.hpp"

#include <CivetServer.h>
#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/command_line.hpp"

namespace trackshm::tools {
namespace {

constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view page_type = "text/html; charset=utf-8";
constexpr std::string_view page =
    "<!DOCTYPE html><title>shm_exporter</title><h1>shm_exporter</h1><p><a href=\"/metrics\">Metrics</a></p>\n";

// Prometheus scrapes one at a time. A second one, a curious human and a client that says nothing need not be waited for.
constexpr const char* threads = "4";
// A client that says nothing holds a thread for so long.
constexpr const char* request_timeout_ms = "5000";

void answer(mg_connection* connection, std::string_view type, std::string_view body) {
    const std::string head = fmt::format(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", type, body.size());
    mg_write(connection, head.data(), head.size());
    if (std::string_view(mg_get_request_info(connection)->request_method) != "HEAD") {
        mg_write(connection, body.data(), body.size());
    }
}

// Answers GET and HEAD of exactly one path. civetweb also gives a handler what lies below its path.
class Page : public CivetHandler {
public:
    explicit Page(std::string_view path) : path_(path) {}

    bool handleGet(CivetServer*, mg_connection* connection) override { return handle(connection); }
    bool handleHead(CivetServer*, mg_connection* connection) override { return handle(connection); }

protected:
    virtual void respond(mg_connection* connection) = 0;

private:
    bool handle(mg_connection* connection) {
        if (mg_get_request_info(connection)->local_uri != path_) {
            mg_send_http_error(connection, 404, "%s", "Only /metrics is served here.");
        } else {
            respond(connection);
        }
        return true;
    }

    std::string_view path_;
};

class StartPage : public Page {
public:
    StartPage() : Page("/") {}

private:
    void respond(mg_connection* connection) override { answer(connection, page_type, page); }
};

class MetricsPage : public Page {
public:
    explicit MetricsPage(const prometheus::Collectable& metrics) : Page("/metrics"), metrics_(metrics) {}

private:
    void respond(mg_connection* connection) override {
        std::string body;
        try {
            body = prometheus::TextSerializer().Serialize(metrics_.Collect());
        } catch (const std::exception& error) {  // must not reach the server, which is C
            print_error("shm_exporter", error.what());
            mg_send_http_error(connection, 500, "%s", "The metrics cannot be collected.");
            return;
        }
        answer(connection, metrics_type, body);
    }

    const prometheus::Collectable& metrics_;
};

// The last complaint of a server, which says why it could not start. Any of its threads may complain, at any time; of which
// server it is cannot be told from what the callback gets.
class Complaint {
public:
    static Complaint& last() {
        static Complaint complaint;
        return complaint;
    }
    void set(const char* message) {
        const std::lock_guard lock(mutex_);
        message_ = message;
    }
    std::string get() const {
        const std::lock_guard lock(mutex_);
        return message_;
    }

private:
    mutable std::mutex mutex_;
    std::string message_;
};

int keep_message(const mg_connection*, const char* message) {
    Complaint::last().set(message);
    return 1;  // handled: not to be printed
}

std::vector<std::string> server_options(const ListenAddress& address) {
    return {"listening_ports", address.text(), "num_threads", threads, "request_timeout_ms", request_timeout_ms};
}

CivetCallbacks callbacks() {
    CivetCallbacks result;
    result.log_message = keep_message;
    return result;
}

}  // namespace

struct MetricsServer::Parts {
    Parts(const ListenAddress& address, const prometheus::Collectable& metrics) : metrics_page(metrics) {
        const CivetCallbacks handlers = callbacks();
        if (address.is_ipv6 && mg_check_feature(MG_FEATURES_IPV6) == 0) {
            throw std::runtime_error(fmt::format("cannot listen on {}: the installed civetweb was built without IPv6; give an "
                                                 "address of IPv4", address.text()));
        }
        try {
            server = std::make_unique<CivetServer>(server_options(address), &handlers);
        } catch (const CivetException& error) {
            const std::string reason = Complaint::last().get();
            throw std::runtime_error(fmt::format("cannot listen on {}: {}", address.text(),
                                                 reason.empty() ? error.what() : reason));
        }
        server->addHandler("/", start_page);
        server->addHandler("/metrics", metrics_page);
    }

    StartPage start_page;
    MetricsPage metrics_page;
    std::unique_ptr<CivetServer> server;  // last: its threads use the others
};

MetricsServer::MetricsServer(const ListenAddress& address, const prometheus::Collectable& metrics)
    : parts_(std::make_unique<Parts>(address, metrics)) {}

MetricsServer::~MetricsServer() = default;

std::uint16_t MetricsServer::port() const {
    const std::vector<int> ports = parts_->server->getListeningPorts();
    return ports.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(ports.front());
}

}  // namespace trackshm::tools
