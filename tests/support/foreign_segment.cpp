// SPDX-License-Identifier: Apache-2.0
#include "support/foreign_segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace trackshm::test {

ForeignSegment::ForeignSegment(const Namespace& name_space, pid_t pid) {
    for (const std::string& name : name_space.segments("p." + std::to_string(pid))) file_ = name;
    fd_ = open(path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat info {};
    if (file_.empty() || fd_ < 0 || fstat(fd_, &info) != 0) throw std::runtime_error("no segment of that process");
    bytes_ = static_cast<std::size_t>(info.st_size);
    void* mapped = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + path());
    data_ = static_cast<std::byte*>(mapped);
}

ForeignSegment::~ForeignSegment() {
    munmap(data_, bytes_);
    close(fd_);
}

std::string ForeignSegment::path() const { return "/dev/shm/" + file_; }

Meanwhile::Meanwhile(std::function<void()> body)
    : thread_([this, repeat = std::move(body)] {
          while (!stop_) repeat();
      }) {}

Meanwhile::~Meanwhile() {
    stop_ = true;
    thread_.join();
}

}  // namespace trackshm::test
