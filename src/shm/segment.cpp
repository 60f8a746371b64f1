// SPDX-License-Identifier: Apache-2.0
#include "shm/segment.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <new>

#include "shm/names.hpp"

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
        case EDQUOT: return SegmentStatus::no_space;
        default: return SegmentStatus::failed;
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

}  // namespace

SegmentStatus Segment::create(const std::string& name, std::uint64_t file_bytes, std::uint64_t reserved_bytes,
                              unsigned mode) noexcept {
    close();
    SegmentStatus status = attempt([&] {
        bip::permissions permissions;
        permissions.set_permissions(static_cast<int>(mode));
        object_ = bip::shared_memory_object(bip::create_only, name.c_str(), bip::read_write, permissions);
        name_ = name;
    });
    if (status != SegmentStatus::ok) return status;

    struct stat info {};
    if (ftruncate(fd(), static_cast<off_t>(file_bytes)) != 0 || fstat(fd(), &info) != 0) {
        status = status_of(errno);
    } else {
        remember(info);
        status = reserve(0, reserved_bytes);
        if (status == SegmentStatus::ok) status = map(bip::read_write);
    }
    if (status != SegmentStatus::ok) {
        const int error = errno;
        ::unlink(path_of(name).c_str());
        close();
        errno = error;
    }
    return status;
}

SegmentStatus Segment::open(const std::string& name, bip::mode_t mode, std::uint64_t minimum_bytes) noexcept {
    close();
    SegmentStatus status = attempt([&] {
        object_ = bip::shared_memory_object(bip::open_only, name.c_str(), mode);
        name_ = name;
    });
    if (status != SegmentStatus::ok) return status;

    struct stat info {};
    if (fstat(fd(), &info) != 0) {
        status = status_of(errno);
    } else if (!S_ISREG(info.st_mode) || info.st_nlink != 1 ||
               static_cast<std::uint64_t>(info.st_size) < minimum_bytes) {
        status = SegmentStatus::unsuitable;
    } else {
        remember(info);
        status = map(mode);
    }
    if (status != SegmentStatus::ok) {
        const int error = errno;
        close();
        errno = error;
    }
    return status;
}

SegmentStatus Segment::map(bip::mode_t mode) noexcept {
    return attempt([&] { region_ = bip::mapped_region(object_, mode); });
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
    return ftruncate(fd(), static_cast<off_t>(file_bytes)) == 0 ? SegmentStatus::ok : status_of(errno);
}

SegmentStatus Segment::map_range(std::uint64_t offset, std::uint64_t bytes, bip::mode_t mode,
                                 bip::mapped_region& region) const noexcept {
    return attempt([&] { region = bip::mapped_region(object_, mode, static_cast<bip::offset_t>(offset), bytes); });
}

std::uint64_t Segment::file_bytes() const noexcept {
    struct stat info {};
    return fstat(fd(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

void Segment::unlink() noexcept {
    if (!name_.empty() && leads_to(name_, device_, inode_)) ::unlink(path_of(name_).c_str());
}

void Segment::close() noexcept {
    region_ = bip::mapped_region();
    object_ = bip::shared_memory_object();
    name_.clear();
}

bool leads_to(const std::string& name, std::uint64_t device, std::uint64_t inode) noexcept {
    struct stat info {};
    return lstat(path_of(name).c_str(), &info) == 0 && info.st_ino == inode && info.st_dev == device;
}

}  // namespace trackshm::shm
