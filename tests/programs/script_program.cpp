// SPDX-License-Identifier: Apache-2.0
//
// A tracked process that a test drives from outside: reads commands from standard input, one per line, and answers each
// with "ok" and perhaps a value once it is carried out, or with "error ...". Ends at the end of its input by returning.
//
//   alloc D SIZE T ID      free ID       free_on D ID     free_of D T ID    free_all ID    close D
//   usage D T BYTES        fail D SIZE T  name D NAME     memory D T BYTES
//   enabled                sync MS               setenv NAME VALUE
//   fill THREADS COUNT D T FIRST_ID SIZE     COUNT allocations in each thread, ids FIRST_ID and up
//   storm THREADS COUNT D T FIRST_ID SIZE    COUNT times an allocation and its free in each thread
//   empty FIRST_ID COUNT                     frees of COUNT ids by id
//   crowd THREADS D T FIRST_ID SIZE          one allocation in each of THREADS threads that are alive together
//   time COUNT D T FIRST_ID SIZE             storm in this thread; answers with the median and the 99th percentile of
//                                            how long a hook took, in ns
//   hold COUNT D T FIRST_ID SIZE             COUNT allocations in this thread
//   on N COMMAND...        carries COMMAND out in thread N, which lives on for the next
//   thread N               answers with the id of thread N
//   begin N COMMAND...     has thread N carry COMMAND out, and answers at once
//   trap COMMAND...        a breakpoint trap right before and right after: of `alloc`, `sync` or `exit`
//   fork N                 carries the next N lines out in a forked child, which then waits; answers with its pid
//   clone N                the same by a raw system call, which runs no pthread_atfork handler
//   daemonise              goes on as a grandchild in a session of its own, whose pid it answers with; this process exits
//   close_descriptors      all but the standard ones, as daemons do at their start
//   open FILE              opens it for reading and writing, for good; answers with the descriptor
//   close_fd FD            closes a descriptor
//   undumpable             from now on /proc/PID is for root alone
//   end_first_thread       this thread ends, another one goes on
//   spawn PROGRAM ARGS...  starts it with posix_spawn and waits for it; answers with its pid and wait status
//   vfork PROGRAM ARGS...  the same with vfork and exec
//   reap                   lets the forked child return from main; answers with its wait status
//   exit CODE              _exit CODE    return CODE      abort              exec PROGRAM ARGS...
#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <trackshm/trackshm.h>

namespace {

using Words = std::vector<std::string>;

Words split(const std::string& line) {
    std::istringstream stream(line);
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

// Arguments of a command as numbers.
class Numbers {
public:
    explicit Numbers(const Words& words) {
        for (std::size_t i = 1; i < words.size(); ++i) values_.push_back(std::strtoull(words[i].c_str(), nullptr, 0));
    }
    std::uint64_t operator[](std::size_t i) const { return values_.at(i); }
    std::uint32_t device(std::size_t i) const { return static_cast<std::uint32_t>(values_.at(i)); }
    std::uint8_t type(std::size_t i) const { return static_cast<std::uint8_t>(values_.at(i)); }

private:
    std::vector<std::uint64_t> values_;
};

// A thread that runs what it is given and waits for more.
class Worker {
public:
    Worker() : thread_([this] { loop(); }) {}
    ~Worker() {
        hand_over({});
        thread_.join();
    }

    void run(const std::function<void()>& job) {
        std::promise<void> done;
        hand_over([&] {
            job();
            done.set_value();
        });
        done.get_future().wait();
    }

    // Only once the one before is done.
    void hand_over(std::function<void()> job) {
        {
            const std::lock_guard lock(mutex_);
            job_ = std::move(job);
        }
        changed_.notify_one();
    }

private:
    void loop() {
        for (;;) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return job_.has_value(); });
            const std::function<void()> job = std::move(*job_);
            job_.reset();
            lock.unlock();
            if (!job) return;
            job();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<std::function<void()>> job_;
    std::thread thread_;
};

void in_threads(std::uint64_t count, const std::function<void(std::uint64_t)>& body) {
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < count; ++i) threads.emplace_back(body, i);
    for (std::thread& thread : threads) thread.join();
}

void fill(const Numbers& n) {
    in_threads(n[0], [&](std::uint64_t thread) {
        const std::uint64_t first = n[4] + thread * n[1];
        for (std::uint64_t i = 0; i < n[1]; ++i) {
            trackshm_report_allocation(n.device(2), n[5], n.type(3), first + i);
        }
    });
}

void hold(const Numbers& n) {
    for (std::uint64_t i = 0; i < n[0]; ++i) trackshm_report_allocation(n.device(1), n[4], n.type(2), n[3] + i);
}

// A tracer finds the hook's instructions between the two.
inline void trap() {
#if defined(__x86_64__)
    asm volatile("int3" ::: "memory");
#elif defined(__aarch64__)
    asm volatile("brk #0" ::: "memory");
#endif
}

// Nothing but the call stands between the traps: the arguments are made ready before.
std::string carry_out_trapped(const Words& words) {
    const Numbers n(Words(words.begin() + 1, words.end()));
    if (words.at(1) == "alloc") {
        const std::uint32_t device = n.device(0);
        const std::uint64_t size_bytes = n[1];
        const std::uint8_t type = n.type(2);
        const std::uint64_t id = n[3];
        trap();
        trackshm_report_allocation(device, size_bytes, type, id);
        trap();
        return "ok";
    }
    if (words.at(1) == "sync") {
        const auto timeout_ms = static_cast<std::uint32_t>(n[0]);
        trap();
        const int result = trackshm_sync(timeout_ms);
        trap();
        return "ok " + std::to_string(result);
    }
    if (words.at(1) == "exit") {
        trap();
        std::exit(0);
    }
    return "error cannot trap " + words.at(1);
}

void storm(const Numbers& n) {
    in_threads(n[0], [&](std::uint64_t thread) {
        const std::uint64_t first = n[4] + thread * n[1];
        for (std::uint64_t i = 0; i < n[1]; ++i) {
            trackshm_report_allocation(n.device(2), n[5], n.type(3), first + i);
            trackshm_report_deallocation(first + i);
        }
    });
}

void crowd(const Numbers& n) {
    std::barrier together(static_cast<std::ptrdiff_t>(n[0]));
    in_threads(n[0], [&](std::uint64_t thread) {
        trackshm_report_allocation(n.device(1), n[4], n.type(2), n[3] + thread);
        together.arrive_and_wait();
    });
}

std::string time_hooks(const Numbers& n) {
    std::vector<std::int64_t> times;
    const auto time = [&](auto&& hook) {
        const auto start = std::chrono::steady_clock::now();
        hook();
        times.push_back(std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
    };
    for (std::uint64_t i = 0; i < n[0]; ++i) {
        time([&] { trackshm_report_allocation(n.device(1), n[4], n.type(2), n[3] + i); });
        time([&] { trackshm_report_deallocation(n[3] + i); });
    }
    std::sort(times.begin(), times.end());
    return std::to_string(times[times.size() / 2]) + " " + std::to_string(times[times.size() * 99 / 100]);
}

std::vector<char*> pointers_to(Words& words) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
}

pid_t fork_raw() { return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)); }

// Runs words[1] and on, and waits for its end.
std::string run_program(const Words& words) {
    Words copies(words.begin() + 1, words.end());
    const std::vector<char*> arguments = pointers_to(copies);
    pid_t pid = -1;
    if (words[0] == "spawn") {
        if (posix_spawnp(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return "error spawn";
    } else {
        pid = vfork();
        if (pid == 0) {
            execvp(arguments[0], arguments.data());
            _exit(127);
        }
    }
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) return "error no child";
    return "ok " + std::to_string(pid) + " " + std::to_string(status);
}

std::string daemonise() {
    if (fork() != 0) _exit(0);
    setsid();
    if (fork() != 0) _exit(0);
    return "ok " + std::to_string(getpid());
}

// A forked child and the pipe whose end lets it go.
struct Forked {
    pid_t pid;
    int leash;
};

class Program {
public:
    // The code to return from main with.
    int run(std::istream& input) {
        std::cout << "ok " << getpid() << std::endl;
        return serve(input);
    }

private:
    int serve(std::istream& input) {
        for (std::string line; !ended_ && std::getline(input, line);) {
            if (line == "end_first_thread") end_first_thread(input);
            const std::string answer = execute(line, input);
            if (!ended_) std::cout << answer << std::endl;
        }
        return code_;
    }

    [[noreturn]] void end_first_thread(std::istream& input) {
        std::thread([this, &input] {
            std::cout << "ok" << std::endl;
            std::exit(serve(input));
        }).detach();
        for (;;) syscall(SYS_exit, 0);
    }

    std::string execute(const std::string& line, std::istream& input) {
        const Words words = split(line);
        if (words.empty()) return "error empty command";
        if (words[0] == "fork") return fork_child(words, input, fork);
        if (words[0] == "clone") return fork_child(words, input, fork_raw);
        if (words[0] == "on") return execute_on_worker(words, line);
        if (words[0] == "thread") return id_of_worker(words);
        if (words[0] == "begin") return begin_on_worker(words);
        return execute_here(words);
    }

    Worker& worker_of(const Words& words) {
        auto& worker = workers_[words.at(1)];
        if (!worker) worker = std::make_unique<Worker>();
        return *worker;
    }

    std::string begin_on_worker(const Words& words) {
        worker_of(words).hand_over([this, rest = Words(words.begin() + 2, words.end())] { execute_here(rest); });
        return "ok";
    }

    std::string id_of_worker(const Words& words) {
        pid_t id = 0;
        worker_of(words).run([&] { id = gettid(); });
        return "ok " + std::to_string(id);
    }

    std::string execute_on_worker(const Words& words, const std::string& line) {
        Worker& worker = worker_of(words);
        const Words rest(words.begin() + 2, words.end());
        std::string answer = "error " + line;
        worker.run([&] { answer = execute_here(rest); });
        return answer;
    }

    std::string execute_here(const Words& words) {
        const std::string& verb = words.at(0);
        const Numbers n(words);
        if (report(verb, words, n)) return "ok";
        if (verb == "trap") return carry_out_trapped(words);
        if (verb == "enabled") return trackshm_enabled() ? "ok 1" : "ok 0";
        if (verb == "sync") return "ok " + std::to_string(trackshm_sync(static_cast<std::uint32_t>(n[0])));
        if (verb == "time") return "ok " + time_hooks(n);
        if (verb == "setenv") return setenv(words.at(1).c_str(), words.at(2).c_str(), 1) == 0 ? "ok" : "error setenv";
        if (verb == "reap") return reap_child();
        if (verb == "spawn" || verb == "vfork") return run_program(words);
        if (verb == "daemonise") return daemonise();
        if (verb == "open") return "ok " + std::to_string(open(words.at(1).c_str(), O_RDWR | O_CREAT, 0600));
        if (verb == "close_fd") return close(static_cast<int>(n[0])) == 0 ? "ok" : "error close";
        if (verb == "undumpable") return prctl(PR_SET_DUMPABLE, 0) == 0 ? "ok" : "error prctl";
        if (verb == "close_descriptors") return close_range(3, ~0u, 0) == 0 ? "ok" : "error close_range";
        if (verb == "return") {
            ended_ = true;
            code_ = static_cast<int>(n[0]);
            return "ok";
        }
        end_process(verb, words, n);
        return "error unknown command " + verb;
    }

    static bool report(const std::string& verb, const Words& words, const Numbers& n) {
        if (verb == "alloc") {
            trackshm_report_allocation(n.device(0), n[1], n.type(2), n[3]);
        } else if (verb == "free") {
            trackshm_report_deallocation(n[0]);
        } else if (verb == "free_on") {
            trackshm_report_deallocation_on(n.device(0), n[1]);
        } else if (verb == "free_of") {
            trackshm_report_deallocation_of(n.device(0), n.type(1), n[2]);
        } else if (verb == "free_all") {
            trackshm_report_deallocation_all(n[0]);
        } else if (verb == "close") {
            trackshm_report_device_closed(n.device(0));
        } else if (verb == "usage") {
            trackshm_report_usage(n.device(0), n.type(1), n[2]);
        } else if (verb == "fail") {
            trackshm_report_allocation_failure(n.device(0), n[1], n.type(2));
        } else if (verb == "name") {
            trackshm_describe_device(n.device(0), words.at(2).c_str());
        } else if (verb == "memory") {
            trackshm_describe_memory(n.device(0), n.type(1), n[2]);
        } else if (verb == "fill") {
            fill(n);
        } else if (verb == "hold") {
            hold(n);
        } else if (verb == "storm") {
            storm(n);
        } else if (verb == "empty") {
            for (std::uint64_t i = 0; i < n[1]; ++i) trackshm_report_deallocation(n[0] + i);
        } else if (verb == "crowd") {
            crowd(n);
        } else {
            return false;
        }
        return true;
    }

    static void end_process(const std::string& verb, const Words& words, const Numbers& n) {
        if (verb == "exit") std::exit(static_cast<int>(n[0]));
        if (verb == "_exit") _exit(static_cast<int>(n[0]));
        if (verb == "abort") std::abort();
        if (verb == "exec") {
            Words copies(words.begin() + 1, words.end());
            const std::vector<char*> arguments = pointers_to(copies);
            execvp(arguments[0], arguments.data());
        }
    }

    // The child's answers go to its parent, which passes on the first that is an error.
    std::string fork_child(const Words& words, std::istream& input, pid_t (*make_child)()) {
        std::string lines;
        for (std::uint64_t left = Numbers(words)[0]; left > 0; --left) {
            std::string line;
            std::getline(input, line);
            lines += line + "\n";
        }
        std::array<int, 2> done{};
        std::array<int, 2> leash{};
        if (pipe(done.data()) != 0 || pipe(leash.data()) != 0) return "error pipe";
        const pid_t pid = make_child();
        if (pid == 0) {
            close(done[0]);
            close(leash[1]);
            live_as_child(lines, done[1], leash[0]);
        }
        close(done[1]);
        close(leash[0]);
        char byte = 0;
        static_cast<void>(!read(done[0], &byte, 1));  // carried out, or dead
        close(done[0]);
        forked_ = {pid, leash[1]};
        return "ok " + std::to_string(pid);
    }

    [[noreturn]] void live_as_child(const std::string& lines, int done, int leash) {
        std::istringstream input(lines);
        for (std::string line; std::getline(input, line);) {
            const std::string answer = execute(line, input);
            if (!answer.starts_with("ok")) _exit(99);
        }
        close(done);
        char byte = 0;
        static_cast<void>(!read(leash, &byte, 1));
        std::exit(0);
    }

    std::string reap_child() {
        if (!forked_) return "error no forked child";
        close(forked_->leash);
        int status = 0;
        waitpid(forked_->pid, &status, 0);
        forked_.reset();
        return "ok " + std::to_string(status);
    }

    std::map<std::string, std::unique_ptr<Worker>> workers_;
    std::optional<Forked> forked_;
    bool ended_ = false;
    int code_ = 0;
};

}  // namespace

int main() {
    const auto program = std::make_unique<Program>();
    return program->run(std::cin);
}
