// SPDX-License-Identifier: Apache-2.0
//
// Stops a thread of a child at an instruction of one's choice: traces it with ptrace, between the two breakpoint traps
// that script_program's `trap` sets around a call.
//
// A thread is traced by the thread that made its Tracer. While it is, nothing else may wait for the thread's process.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace trackshm::test {

class Tracer {
public:
    // Whether this machine lets a process trace its children.
    static bool is_possible();

    // `thread` runs on until it comes to a trap. Throws if it cannot be traced.
    explicit Tracer(pid_t thread);
    // Lets it run on.
    ~Tracer();
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;

    // Lets it run to the next trap. False if it ended instead.
    bool run_to_trap();

    // What runs stops soon, for a step or a run to be taken from there.
    void interrupt();

    // One instruction, or up to the next border of a system call, on either side of it. False when the call is over:
    // the thread stands at the second trap, or has ended.
    bool step();
    bool run_to_system_call();

private:
    enum class Stop { stepped, system_call, trap, ended };
    Stop resume(int request);
    bool has_ended() const;

    pid_t thread_;
    bool stopped_ = false;
};

}  // namespace trackshm::test
