// SPDX-License-Identifier: Apache-2.0
#include "shm/record_lock.hpp"

#include <fcntl.h>

namespace trackshm::shm {
namespace {

struct flock one_byte(short type, std::int64_t byte) noexcept {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    return lock;
}

}  // namespace

bool lock_as_process(int fd, std::int64_t byte) noexcept {
    struct flock lock = one_byte(F_WRLCK, byte);
    return fcntl(fd, F_SETLK, &lock) == 0;
}

bool lock_as_description(int fd, std::int64_t byte) noexcept {
    struct flock lock = one_byte(F_WRLCK, byte);
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

std::optional<LockHolder> lock_holder(int fd, std::int64_t byte) noexcept {
    struct flock lock = one_byte(F_RDLCK, byte);  // whom a reader would have to wait for: other readers prove nothing
    if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
    return LockHolder{lock.l_pid};
}

}  // namespace trackshm::shm
