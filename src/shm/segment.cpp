// SPDX-License-Identifier: Apache-2.0
#include "shm/segment.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <new>

#include "shm/names.hpp"
#include "shm/os.hpp"
#include "shm/record_lock.hpp"

namespace trackshm::shm {
namespace {

SegmentStatus status_of(int error) noexcept {
    switch (error) {
        case ENOENT: return SegmentStatus::absent;
        case EACCES:
        case EPERM:
        case EROFS: return SegmentStatus::permission_denied;
        case ENOSPC:
        case ENOMEM:
        case EMFILE:
        case ENFILE:
        case EFBIG:
        case EDQUOT: return SegmentStatus::no_space;
        default: return SegmentStatus::failed;
    }
}

// Of a name that somebody may have given to anything.
SegmentStatus status_of_open(int error) noexcept {
    switch (error) {
        case ELOOP:   // a symbolic link
        case EISDIR:
        case ENXIO:  // a socket, or a FIFO
            return SegmentStatus::unsuitable;
        case EWOULDBLOCK: return SegmentStatus::permission_denied;  // its owner holds a lease on it
        default: return status_of(error);
    }
}

SegmentStatus fail(int error) noexcept {
    errno = error;
    return status_of(error);
}

// Runs a Boost.Interprocess operation and turns what it throws into a status.
template <class Operation>
SegmentStatus attempt(Operation&& operation) noexcept {
    try {
        operation();
        return SegmentStatus::ok;
    } catch (const bip::interprocess_exception& error) {
        return fail(error.get_native_error());
    } catch (const std::bad_alloc&) {
        return fail(ENOMEM);
    }
}

// While it lives, SIGXFSZ is not delivered to this thread; one that came of what was done meanwhile is taken away.
class WithoutFileSizeSignal {
public:
    WithoutFileSizeSignal() noexcept {
        sigemptyset(&signal_);
        sigaddset(&signal_, SIGXFSZ);
        sigset_t pending;
        was_pending_ = sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
        pthread_sigmask(SIG_BLOCK, &signal_, &before_);
    }
    ~WithoutFileSizeSignal() {
        const KeepErrno keep;
        const timespec at_once{};
        if (!was_pending_) sigtimedwait(&signal_, nullptr, &at_once);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    WithoutFileSizeSignal(const WithoutFileSizeSignal&) = delete;
    WithoutFileSizeSignal& operator=(const WithoutFileSizeSignal&) = delete;

private:
    sigset_t signal_;
    sigset_t before_;
    bool was_pending_;
};

// Where a program has closed one of the three standard descriptors a new one takes its number, and what the program says
// there later would be written into the file.
int above_the_standard_ones(int fd) noexcept {
    if (fd < 0 || fd > STDERR_FILENO) return fd;
    const int other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const KeepErrno keep;
    ::close(fd);
    return other;
}

int open_shared(const std::string& name, int flags, unsigned mode = 0) noexcept {
    try {
        const int fd = ::open(path_of(name).c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
        return above_the_standard_ones(fd);
    } catch (const std::bad_alloc&) {
        errno = ENOMEM;
        return -1;
    }
}

}  // namespace

SharedFile::~SharedFile() {
    if (fd_ >= 0) ::close(fd_);
}

bool SharedFile::create(const std::string& name, unsigned mode) noexcept {
    *this = SharedFile();
    fd_ = open_shared(name, O_RDWR | O_CREAT | O_EXCL, mode);
    return fd_ >= 0 && fchmod(fd_, mode) == 0;  // whatever the umask
}

bool SharedFile::open(const std::string& name, bip::mode_t mode) noexcept {
    *this = SharedFile();
    fd_ = open_shared(name, mode == bip::read_only ? O_RDONLY : O_RDWR);
    return fd_ >= 0;
}

SegmentStatus Segment::create(const std::string& name, std::uint64_t file_bytes, std::uint64_t reserved_bytes,
                              unsigned mode) noexcept {
    close();
    SegmentStatus status = attempt([&] { name_ = name; });
    if (status != SegmentStatus::ok) return status;
    if (!file_.create(name, mode)) return status_of(errno);

    struct stat info {};
    if (extend(file_bytes) != SegmentStatus::ok || fstat(fd(), &info) != 0) {
        status = status_of(errno);
    } else {
        remember(info);
        status = reserve(0, reserved_bytes);
        if (status == SegmentStatus::ok) status = map(bip::read_write, file_bytes);
    }
    if (status != SegmentStatus::ok) {
        const int error = errno;
        remove_file(name);
        close();
        errno = error;
    }
    return status;
}

SegmentStatus Segment::open(const std::string& name, bip::mode_t mode, std::uint64_t minimum_bytes,
                            std::uint64_t maximum_bytes) noexcept {
    close();
    SegmentStatus status = attempt([&] { name_ = name; });
    if (status != SegmentStatus::ok) return status;
    if (!file_.open(name, mode)) return status_of_open(errno);

    struct stat info {};
    if (fstat(fd(), &info) != 0) {
        status = status_of(errno);
    } else if (!S_ISREG(info.st_mode) || info.st_nlink != 1 ||
               static_cast<std::uint64_t>(info.st_size) < minimum_bytes) {
        status = SegmentStatus::unsuitable;
    } else {
        remember(info);
        status = map(mode, std::min(static_cast<std::uint64_t>(info.st_size), maximum_bytes));
    }
    if (status != SegmentStatus::ok) {
        const int error = errno;
        close();
        errno = error;
    }
    return status;
}

SegmentStatus Segment::map(bip::mode_t mode, std::uint64_t bytes) noexcept {
    return attempt([&] { region_ = bip::mapped_region(file_, mode, 0, bytes); });
}

void Segment::remember(const struct stat& info) noexcept {
    owner_uid_ = info.st_uid;
    inode_ = info.st_ino;
    device_ = info.st_dev;
}

SegmentStatus Segment::publish_as(const std::string& name) noexcept {
    return attempt([&] {
        std::string copy = name;  // allocated first: past the rename nothing may fail
        if (renameat2(AT_FDCWD, path_of(name_).c_str(), AT_FDCWD, path_of(name).c_str(), RENAME_NOREPLACE) != 0) {
            throw bip::interprocess_exception(bip::error_info(errno));
        }
        name_.swap(copy);
    });
}

SegmentStatus Segment::reserve(std::uint64_t offset, std::uint64_t bytes) noexcept {
    if (bytes == 0) return SegmentStatus::ok;
    const WithoutFileSizeSignal guard;
    int error = 0;
    do {
        error = posix_fallocate(fd(), static_cast<off_t>(offset), static_cast<off_t>(bytes));
    } while (error == EINTR);
    return error == 0 ? SegmentStatus::ok : fail(error);
}

void Segment::release(std::uint64_t offset, std::uint64_t bytes) noexcept {
    fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(bytes));
}

SegmentStatus Segment::extend(std::uint64_t file_bytes) noexcept {
    const WithoutFileSizeSignal guard;
    return ftruncate(fd(), static_cast<off_t>(file_bytes)) == 0 ? SegmentStatus::ok : status_of(errno);
}

SegmentStatus Segment::map_range(std::uint64_t offset, std::uint64_t bytes, bip::mode_t mode,
                                 bip::mapped_region& region) const noexcept {
    return attempt([&] {
        SharedFile again;  // not the description that may be locked
        const SharedFile& file = again.open(name_, mode) && is_open_on(again.fd()) ? again : file_;
        region = bip::mapped_region(file, mode, static_cast<bip::offset_t>(offset), bytes);
    });
}

std::uint64_t Segment::file_bytes() const noexcept {
    struct stat info {};
    return fstat(fd(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

bool Segment::is_open_on(int fd) const noexcept {
    struct stat info {};
    return fstat(fd, &info) == 0 && info.st_ino == inode_ && info.st_dev == device_;
}

SegmentStatus Segment::lock(std::int64_t byte) noexcept {
    SharedFile unmapped;
    if (!unmapped.open(name_, bip::read_write)) return status_of_open(errno);
    if (!is_open_on(unmapped.fd())) return SegmentStatus::absent;
    if (!lock_as_description(unmapped.fd(), byte)) {
        return errno == EAGAIN ? SegmentStatus::permission_denied : status_of(errno);
    }
    file_ = std::move(unmapped);
    return SegmentStatus::ok;
}

bool Segment::reopen() noexcept {
    SharedFile again;
    if (!again.open(name_, bip::read_write) || !is_open_on(again.fd())) return false;
    file_.let_go();
    file_ = std::move(again);
    return true;
}

void Segment::unlink() noexcept {
    if (!name_.empty() && leads_to(name_, device_, inode_)) remove_file(name_);
}

void Segment::close() noexcept {
    region_ = bip::mapped_region();
    file_ = SharedFile();
    name_.clear();
}

bool lengthen_file(const std::string& name, std::uint64_t bytes) noexcept {
    SharedFile file;
    struct stat info {};
    if (!file.open(name, bip::read_write) || fstat(file.fd(), &info) != 0) return false;
    if (!S_ISREG(info.st_mode)) {
        errno = EINVAL;
        return false;
    }
    const WithoutFileSizeSignal guard;
    return info.st_size >= static_cast<off_t>(bytes) || ftruncate(file.fd(), static_cast<off_t>(bytes)) == 0;
}

bool remove_file(const std::string& name) noexcept {
    try {
        const std::string path = path_of(name);
        return ::unlink(path.c_str()) == 0 || (errno == EISDIR && rmdir(path.c_str()) == 0);
    } catch (const std::bad_alloc&) {
        errno = ENOMEM;
        return false;
    }
}

bool leads_to(const std::string& name, std::uint64_t device, std::uint64_t inode) noexcept {
    try {
        struct stat info {};
        return lstat(path_of(name).c_str(), &info) == 0 && info.st_ino == inode && info.st_dev == device;
    } catch (const std::bad_alloc&) {
        errno = ENOMEM;
        return false;
    }
}

}  // namespace trackshm::shm
