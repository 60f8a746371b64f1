// SPDX-License-Identifier: Apache-2.0
#include "crash_points/image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace trackshm::test {

namespace {

const std::string shm_directory = "/dev/shm/";

class Descriptor {
public:
    Descriptor(const std::string& name, int flags)
        : fd_(open((shm_directory + name).c_str(), flags | O_CLOEXEC, 0600)) {
        if (fd_ < 0) throw std::runtime_error("cannot open " + name);
    }
    ~Descriptor() { close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

void check(bool worked, const std::string& name) {
    if (!worked) throw std::runtime_error("cannot copy " + name);
}

}  // namespace

Image::Image(const Namespace& name_space) {
    constexpr std::size_t page_bytes = 4096;
    for (const std::string& name : name_space.segments()) {
        const Descriptor descriptor(name, O_RDONLY);
        struct stat info {};
        check(fstat(descriptor.get(), &info) == 0, name);
        File file{name, static_cast<std::uint64_t>(info.st_size), {}};
        off_t at = 0;
        while ((at = lseek(descriptor.get(), at, SEEK_DATA)) >= 0) {
            const off_t end = lseek(descriptor.get(), at, SEEK_HOLE);
            for (; at < end; at += page_bytes) {
                std::vector<char> page(std::min<std::size_t>(page_bytes, static_cast<std::size_t>(end - at)));
                check(pread(descriptor.get(), page.data(), page.size(), at) == static_cast<ssize_t>(page.size()), name);
                const bool is_zero = std::all_of(page.begin(), page.end(), [](char byte) { return byte == 0; });
                if (!is_zero) file.extents.push_back({static_cast<std::uint64_t>(at), std::move(page)});
            }
        }
        files_.push_back(std::move(file));
    }
    // Oldest first, so that the directory lists the copies as it listed the originals.
    std::reverse(files_.begin(), files_.end());
}

void Image::restore(const Namespace& name_space) const {
    for (const std::string& name : name_space.segments()) std::filesystem::remove(shm_directory + name);
    for (const File& file : files_) {
        const Descriptor descriptor(file.name, O_WRONLY | O_CREAT | O_EXCL);
        check(ftruncate(descriptor.get(), static_cast<off_t>(file.bytes)) == 0, file.name);
        for (const Extent& extent : file.extents) {
            check(pwrite(descriptor.get(), extent.bytes.data(), extent.bytes.size(),
                         static_cast<off_t>(extent.offset)) == static_cast<ssize_t>(extent.bytes.size()),
                  file.name);
        }
    }
}

}  // namespace trackshm::test
