// SPDX-License-Identifier: Apache-2.0
//
// Files in /dev/shm as a fuzz target makes them, in a namespace of this process alone that is cleaned at exit; and a
// thread that changes them while they are read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace trackshm::fuzz {

const std::string& name_space();

// A file of `bytes`, mapped, complete under a temporary name until it is published.
class ShmFile {
public:
    explicit ShmFile(std::size_t bytes);
    ~ShmFile();  // the file stays if it was published
    ShmFile(const ShmFile&) = delete;
    ShmFile& operator=(const ShmFile&) = delete;

    std::byte* data() const { return data_; }
    std::size_t bytes() const { return bytes_; }
    int fd() const { return fd_; }
    template <class T>
    T& at(std::size_t offset) const {
        return *reinterpret_cast<T*>(data_ + offset);
    }

    void publish_as(const std::string& name);
    // As if its owner were another process, and alive.
    void lock(std::int64_t byte) const;

private:
    std::string path_;
    int fd_ = -1;
    std::size_t bytes_;
    std::byte* data_ = nullptr;
};

// Flips bits of a file in a thread beside, often enough for many copies by whoever reads it, or until it goes out of scope; then makes of it
// what `settle` does. Without an end most of the time would go into readers that try again. One at a time.
class Mutator {
public:
    Mutator(const ShmFile& file, std::size_t begin, std::size_t end, std::uint64_t seed,
            std::function<void()> settle = {});
    ~Mutator();
    Mutator(const Mutator&) = delete;
    Mutator& operator=(const Mutator&) = delete;

private:
    std::atomic<bool> stop_{false};
};

}  // namespace trackshm::fuzz
