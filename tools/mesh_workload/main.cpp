// SPDX-License-Identifier: Apache-2.0
//
// mesh_workload: a tracked program whose memory figures are known at every step, to see the tracking work and to check
// it. Run it beside `shmtop`.
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <thread>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/output.hpp"
#include "mesh_workload/mesh.hpp"

namespace trackshm::tools {
namespace {

constexpr std::chrono::milliseconds sync_timeout{1000};

constexpr const char* description =
    "Opens a 2x4 mesh of devices (4 0 3 7 / 5 1 2 6), allocates and frees buffers on all of them in lock-step and\n"
    "prints after each step what every reader must show now. It is a tracked program: run it with TRACKSHM=1.";

constexpr const char* footer = R"(
Steps, on each of the 8 devices:
  1  open
  2  allocate 100 MiB DRAM
  3  allocate 200 MiB DRAM
  4  allocate 10 MiB L1
  5  free the L1 buffers
  6  free the 200 MiB buffers
  7  free the 100 MiB buffers

Examples:
  shm_aggregator &
  TRACKSHM=1 mesh_workload &
  shmtop
  shmrun -- mesh_workload --step-ms 100 --rounds 3

Exit codes: 0 done (tracked or not), 1 failure, 2 usage.)";

struct Options {
    std::uint32_t step_ms = 1000;
    std::uint32_t rounds = 1;
};

class Workload {
public:
    explicit Workload(Options options) : options_(options) {}

    // What to exit with.
    int run() {
        for (std::uint32_t round = 1; round <= options_.rounds; ++round) {
            step_ = 0;
            mesh_.open();
            finish_step(round, "open");
            const std::uint64_t small = mesh_.allocate(BufferType::DRAM, 100 * MiB);
            finish_step(round, "allocate 100 MiB DRAM");
            const std::uint64_t large = mesh_.allocate(BufferType::DRAM, 200 * MiB);
            finish_step(round, "allocate 200 MiB DRAM");
            const std::uint64_t fast = mesh_.allocate(BufferType::L1, 10 * MiB);
            finish_step(round, "allocate 10 MiB L1");
            mesh_.free(BufferType::L1, fast);
            finish_step(round, "free the L1 buffers");
            mesh_.free(BufferType::DRAM, large);
            finish_step(round, "free the 200 MiB buffers");
            mesh_.free(BufferType::DRAM, small);
            finish_step(round, "free the 100 MiB buffers");
        }
        return exit_code_;
    }

private:
    // Makes the step visible to readers, says what they must see, and waits.
    void finish_step(std::uint32_t round, const char* action) {
        wait_until_published();
        tell(fmt::format("round {} step {}: {:<26} DRAM per device {:>9}  L1 per device {:>8}  live buffers {:>2}\n", round,
                         ++step_, action, mesh_.bytes_per_device(BufferType::DRAM), mesh_.bytes_per_device(BufferType::L1),
                         mesh_.live_buffers()));
        std::this_thread::sleep_for(std::chrono::milliseconds(options_.step_ms));
    }

    // What cannot be told keeps nobody from working on.
    void tell(const std::string& line) {
        if (exit_code_ == exit_ok) exit_code_ = exit_code_of("mesh_workload", write_stdout(line));
    }

    void wait_until_published() {
        const SyncResult result = sync(sync_timeout);
        if (late_told_ || result == SyncResult::done || result == SyncResult::off) return;
        late_told_ = true;
        print_error("mesh_workload", result == SyncResult::no_aggregator
                                         ? "no aggregator is running yet; what happens here is kept for when one is"
                                         : "the aggregator is behind; readers see these figures later");
    }

    Options options_;
    Mesh mesh_;
    int step_ = 0;
    int exit_code_ = exit_ok;
    bool late_told_ = false;
};

int run(int argc, char** argv) {
    CLI::App app{description};
    Options options;
    add_common_flags(app, "mesh_workload");
    app.add_option("--step-ms", options.step_ms, "Pause after each step")
        ->option_text("MS (default: 1000)")
        ->check(CLI::Range(0, 2'000'000'000));
    app.add_option("--rounds", options.rounds, "How often to do all steps")
        ->option_text("N (default: 1)")
        ->check(CLI::Range(0, 2'000'000'000));
    app.footer(footer);
    if (const auto exit_code = parse_command_line(app, argc, argv)) return *exit_code;

    if (!enabled()) {
        print_error("mesh_workload", "not tracked: run it with TRACKSHM=1 or under shmrun to see it in shmtop");
    }
    return Workload(options).run();
}

}  // namespace
}  // namespace trackshm::tools

int main(int argc, char** argv) {
    return trackshm::tools::run_program("mesh_workload", trackshm::tools::run, argc, argv);
}
