// SPDX-License-Identifier: Apache-2.0
#include "support/private_shm.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace trackshm::test {

namespace {

constexpr const char* directory = "/dev/shm";
constexpr const char* filler = "/dev/shm/filler";

// Private: nothing of this shows outside. In a chroot "/" is no mount of its own, but then the directory is.
bool enter_private_shm(const char* options) {
    return unshare(CLONE_NEWNS) == 0 &&
           (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ||
            mount(nullptr, directory, nullptr, MS_PRIVATE, nullptr) == 0) &&
           mount("tmpfs", directory, "tmpfs", 0, options) == 0;
}

}  // namespace

PrivateShm::PrivateShm(const std::string& options)
    : outer_namespace_(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)),
      root_(open("/", O_PATH | O_CLOEXEC)),
      working_directory_(open(".", O_PATH | O_CLOEXEC)) {
    if (!enter_private_shm(options.c_str())) throw std::runtime_error("cannot mount a /dev/shm of my own");
}

PrivateShm::~PrivateShm() {
    // The mount goes with the last process in the namespace.
    const bool is_back = setns(outer_namespace_, CLONE_NEWNS) == 0 && fchdir(root_) == 0 && chroot(".") == 0 &&
                         fchdir(working_directory_) == 0;
    static_cast<void>(is_back);
    close(outer_namespace_);
    close(root_);
    close(working_directory_);
}

bool PrivateShm::is_possible() {
    const pid_t child = fork();
    if (child == 0) _exit(geteuid() == 0 && enter_private_shm("size=64k") ? 0 : 1);
    int status = 1;
    waitpid(child, &status, 0);
    return status == 0;
}

void PrivateShm::fill(std::uint64_t left_bytes) {
    const int fd = open(filler, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    off_t filled = 0;
    for (int attempt = 0; attempt < 100; ++attempt) {  // others may take and give back at the same time
        const std::uint64_t free = free_bytes();
        if (free <= left_bytes) {
            close(fd);
            return;
        }
        const auto more = static_cast<off_t>(free - left_bytes);
        if (posix_fallocate(fd, filled, more) == 0) filled += more;
    }
    close(fd);
    throw std::runtime_error("cannot fill /dev/shm");
}

void PrivateShm::make_room() { unlink(filler); }

std::uint64_t PrivateShm::free_bytes() const {
    struct statvfs info {};
    if (statvfs(directory, &info) != 0) throw std::runtime_error("statvfs failed");
    return std::uint64_t{info.f_bavail} * info.f_frsize;
}

}  // namespace trackshm::test
