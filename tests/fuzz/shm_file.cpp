// SPDX-License-Identifier: Apache-2.0
#include "fuzz/shm_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "aggregator/fault_guard.hpp"
#include "shm/names.hpp"
#include "shm/record_lock.hpp"

namespace trackshm::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr int flips_at_once = 256;
constexpr int rounds = 80;

void check(bool ok, const char* what) {
    if (ok) return;
    std::perror(what);
    std::abort();
}

void remove_all() {
    std::error_code ignored;
    const std::string prefix = "trackshm." + name_space() + ".";
    for (const auto& entry : fs::directory_iterator(shm::shm_directory, ignored)) {
        if (entry.path().filename().string().starts_with(prefix)) fs::remove(entry.path(), ignored);
    }
}

// A thread that does one thing after another: to make one for each took longer than most inputs do.
class Helper {
public:
    // Returns when it is under way: else it would come too late for most of what it is to disturb.
    void begin(std::function<void()> task) {
        std::unique_lock lock(mutex_);
        task_ = std::move(task);
        is_under_way_ = false;
        changed_.notify_all();
        changed_.wait(lock, [&] { return is_under_way_; });
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !task_; });
    }

private:
    [[noreturn]] void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [&] { return task_ != nullptr; });
            is_under_way_ = true;
            changed_.notify_all();
            lock.unlock();
            task_();
            lock.lock();
            task_ = nullptr;
            changed_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<void()> task_;
    bool is_under_way_ = false;
    std::thread thread_{[this] { run(); }};  // last: it uses the others
};

Helper& helper() {
    static auto* const one = new Helper;  // never destroyed: its thread waits to the end
    return *one;
}

}  // namespace

const std::string& name_space() {
    static const std::string name = [] {
        std::atexit(remove_all);
        return "fuzz" + std::to_string(getpid());
    }();
    return name;
}

ShmFile::ShmFile(std::size_t bytes)
    : path_(shm::path_of("trackshm." + name_space() + ".new")),
      fd_(open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)),
      bytes_(bytes) {
    check(fd_ >= 0 && ftruncate(fd_, static_cast<off_t>(bytes)) == 0, "cannot make a file in /dev/shm");
    void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    check(mapped != MAP_FAILED, "cannot map a file in /dev/shm");
    data_ = static_cast<std::byte*>(mapped);
}

ShmFile::~ShmFile() {
    munmap(data_, bytes_);
    close(fd_);
}

void ShmFile::publish_as(const std::string& name) {
    check(rename(path_.c_str(), shm::path_of(name).c_str()) == 0, "cannot rename a file in /dev/shm");
}

void ShmFile::lock(std::int64_t byte) const {
    check(shm::lock_as_description(fd_, byte), "cannot lock a file in /dev/shm");
}

Mutator::Mutator(const ShmFile& file, std::size_t begin, std::size_t end, std::uint64_t seed,
                 std::function<void()> settle) {
    helper().begin([this, data = file.data(), begin, size = end - begin, seed, settle = std::move(settle)] {
        std::minstd_rand random(static_cast<std::uint_fast32_t>(seed | 1));
        const auto flip = [&] {
            auto* byte = reinterpret_cast<volatile unsigned char*>(data + begin + random() % size);
            *byte = static_cast<unsigned char>(*byte ^ 1u << random() % 8);
        };
        for (int i = 0; i < rounds && !stop_.load(std::memory_order_relaxed); ++i) {
            aggregator::survives([&] {  // it may be cut off
                for (int k = 0; k < flips_at_once; ++k) flip();
            });
        }
        if (settle) settle();
    });
}

Mutator::~Mutator() {
    stop_ = true;
    helper().wait();
}

}  // namespace trackshm::fuzz
