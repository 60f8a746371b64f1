// SPDX-License-Identifier: Apache-2.0
//
// One round of a soak: some tracked processes of known figures run, are tormented together with their aggregator, and
// end. In the middle and in the end the counters must be theirs to the byte.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "soak/chaos.hpp"
#include "soak/guest.hpp"
#include "soak/report.hpp"
#include "support/child.hpp"
#include "support/private_shm.hpp"
#include "support/truth.hpp"

namespace trackshm::test {

// What one round is made of. Drawn at random.
struct RoundPlan {
    // `most_operations` of a thread, 4000 at least.
    RoundPlan(Random& random, std::uint64_t most_operations);
    std::string text() const;

    std::string mode;
    unsigned processes;
    std::string ring_events;
    std::uint64_t generations;
    std::uint64_t operations;  // of each of eight threads in a generation
    std::uint64_t forks;
    bool kills;
    bool drops;
    bool is_of_another_user;
    std::optional<Guest::Kind> guest;
    std::uint64_t seed;
};

class Round {
public:
    // `shm` is nullptr where /dev/shm is everybody's and so must not be filled.
    Round(const Namespace& name_space, PrivateShm* shm, UnreliableAggregator& aggregator, Expected& expected,
          Random& random, Report& report, std::uint64_t most_operations)
        : name_space_(name_space),
          shm_(shm),
          aggregator_(aggregator),
          expected_(expected),
          random_(random),
          report_(report),
          plan_(random, most_operations) {}

    void run();
    const RoundPlan& plan() const { return plan_; }

private:
    struct Worker {
        std::unique_ptr<Child> child;
        bool stopped = false;
        bool killed = false;
        std::optional<nlohmann::json> truth;

        bool is_done() const { return killed || truth.has_value(); }
    };

    void start_workers();
    void invite_guest();
    void work();
    void torment_workers();
    void collect_truths();
    void look();
    void fill_shm(const nlohmann::json& snapshot);
    void check_living();
    void end_workers();
    void check_ended();
    void expect_ended(const nlohmann::json& snapshot, const nlohmann::json& truth);
    bool all_done() const;
    void note_drift(const std::string& differences) { report_.drift += differences; }

    const Namespace& name_space_;
    PrivateShm* shm_;
    UnreliableAggregator& aggregator_;
    Expected& expected_;
    Random& random_;
    Report& report_;
    RoundPlan plan_;
    std::vector<Worker> workers_;
    std::unique_ptr<Guest> guest_;
    std::uint64_t allocations_seen_ = 0;
};

}  // namespace trackshm::test
