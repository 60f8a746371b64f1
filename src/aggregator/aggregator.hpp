// SPDX-License-Identifier: Apache-2.0
//
// The duty cycle: find processes, drain them, publish, notice who is gone; wait when there is nothing to do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aggregator/accounting.hpp"
#include "aggregator/details_publisher.hpp"
#include "aggregator/discovery.hpp"
#include "aggregator/failure_lists.hpp"
#include "aggregator/history.hpp"
#include "aggregator/ledger.hpp"
#include "aggregator/lifecycle.hpp"
#include "aggregator/process.hpp"
#include "aggregator/publisher.hpp"
#include "aggregator/service_manager.hpp"

namespace trackshm::aggregator {

struct Options {
    std::string name_space;
    bool quiet = false;
    bool log_events = false;
    bool fresh = false;
    unsigned mode = 0600;  // of the stats segment
};

class Aggregator {
public:
    enum class Start { ok, served_by_another, failed };

    explicit Aggregator(Options options);
    ~Aggregator();
    Aggregator(const Aggregator&) = delete;
    Aggregator& operator=(const Aggregator&) = delete;

    // Takes the namespace over and looks at every process there is. `message` says why it could not.
    Start start(std::string& message);

    // Runs until `stop_fd` is readable, then drains what is left and publishes it. `manager` is told of both.
    void run(int stop_fd, ServiceManager& manager);

private:
    bool forget_earlier_run();
    bool take_stock();
    void release_orphans();
    bool turn();
    std::uint64_t drain(TrackedProcess& process);
    enum class Applied { all, in_smaller_parts, not_now };
    Applied apply(TrackedProcess& process);
    bool apply_events(TrackedProcess& process);
    std::uint64_t events_to_next_list() const noexcept;
    void list_what_is_in_the_way();
    void roll_back(TrackedProcess& process) noexcept;
    Applied starve(TrackedProcess& process);
    void quarantine(TrackedProcess& process) noexcept;

    bool is_attached(const shm::SegmentName& name) const noexcept;
    std::size_t process_limit() const noexcept;
    enum class Look { a_while, to_the_end };
    void look_for_processes(Look look);
    void remove_unfinished();
    void inspect_processes();
    void look_for_ended();
    bool drain_to_the_end(TrackedProcess& process, std::uint64_t deadline_ns);
    void end(TrackedProcess& process);

    void publish(std::uint64_t now_ns);
    void publish_details(std::uint64_t now_ns);
    bool watch(int fd) const noexcept;
    bool wait(int stop_fd);
    void warn_of_limits();
    void warn_of_rejected(const TrackedProcess& process, const ReportedCounters& counters);
    void write_event_log();
    void warn_once(bool& warned, const std::string& text) const;

    Options options_;
    std::uint32_t uid_;
    Ledger ledger_;
    Publisher publisher_;
    DetailsPublisher details_publisher_;
    History history_;
    Accounting accounting_;
    FailureLists failure_lists_;
    Discovery discovery_;
    Attacher attacher_;
    std::vector<std::unique_ptr<TrackedProcess>> processes_;
    Batch batch_;

    int epoll_fd_ = -1;
    bool scan_is_due_ = true;
    bool liveness_is_due_ = false;
    bool changed_ = true;   // since the last publication
    bool details_changed_ = true;
    bool warned_of_crowd_ = false;
    bool warned_of_memory_ = false;
    bool warned_of_waiting_ = false;
    bool warned_of_devices_ = false;
    bool warned_of_rejected_ = false;
    bool warned_of_full_shm_ = false;
    bool warned_of_event_log_ = false;
    bool has_orphans_ = false;  // that could not be released yet
    std::uint64_t waiting_processes_ = 0;
    std::uint64_t now_ns_ = 0;
    std::uint64_t last_scan_ns_ = 0;
    std::uint64_t next_scan_ns_ = 0;  // not before
    std::uint64_t last_publish_ns_ = 0;
    std::uint64_t last_details_ns_ = 0;
    std::uint64_t last_beat_ns_ = 0;
    std::uint64_t last_look_ns_ = 0;
    std::uint64_t last_event_ns_ = 0;
    std::uint64_t wait_ns_ = 0;
    std::uint64_t turn_events_ = 0;
};

}  // namespace trackshm::aggregator
