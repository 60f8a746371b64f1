// SPDX-License-Identifier: Apache-2.0
//
// A segment: a POSIX shared memory object that is created complete or not at all, and opened only after its owner, type
// and size were checked. Mapped by Boost.Interprocess's mapped_region; opened by hand, see SharedFile.
#pragma once

#include <sys/stat.h>

#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/detail/os_file_functions.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace trackshm::shm {

namespace bip = boost::interprocess;

enum class SegmentStatus {
    ok,
    absent,
    permission_denied,
    no_space,    // tmpfs, address space or descriptors are used up
    unsuitable,  // not a plain file with one link, or too small for what it must hold
    failed,      // anything else; errno says what
};

// The descriptor of a file in /dev/shm, in the form mapped_region takes. Not bip::shared_memory_object, which opens the
// name as it is: a FIFO of that name, or a lease its owner holds on it, would make the opener wait as long as they please.
class SharedFile {
public:
    SharedFile() noexcept = default;
    SharedFile(SharedFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    SharedFile& operator=(SharedFile&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~SharedFile();

    // False with errno set.
    bool create(const std::string& name, unsigned mode) noexcept;
    bool open(const std::string& name, bip::mode_t mode) noexcept;
    // The descriptor is somebody else's: not to be closed.
    void let_go() noexcept { fd_ = -1; }

    int fd() const noexcept { return fd_; }
    bip::mapping_handle_t get_mapping_handle() const noexcept {
        return bip::ipcdetail::mapping_handle_from_file_handle(fd_);
    }

private:
    int fd_ = -1;
};

// Move-only. Every function leaves the reason in the returned status and in errno, and none throws, nor lets the process be
// ended by SIGXFSZ where a file may not become as large (RLIMIT_FSIZE).
class Segment {
public:
    Segment() noexcept = default;
    Segment(Segment&&) noexcept = default;
    Segment& operator=(Segment&&) noexcept = default;

    // Creates `name` with `file_bytes` of address space (sparse) of which the first `reserved_bytes` have storage,
    // mode 0600 or as given, maps all of it. The caller fills it in and then calls publish_as.
    SegmentStatus create(const std::string& name, std::uint64_t file_bytes, std::uint64_t reserved_bytes,
                         unsigned mode = 0600) noexcept;

    // Opens an existing one, never waiting for anybody, and maps it: all of it, but no more than `maximum_bytes`, since
    // its owner can make it as long as the address space. Refuses files of an unexpected kind or smaller than
    // `minimum_bytes`.
    static constexpr std::uint64_t whole_file = ~std::uint64_t{0};
    SegmentStatus open(const std::string& name, bip::mode_t mode, std::uint64_t minimum_bytes,
                       std::uint64_t maximum_bytes = whole_file) noexcept;

    // Gives a created segment its final name, atomically. The temporary name is gone afterwards. Fails with errno
    // EEXIST if the name is taken.
    SegmentStatus publish_as(const std::string& name) noexcept;

    // Storage for [offset, offset + bytes): afterwards touching it cannot raise SIGBUS for want of space.
    SegmentStatus reserve(std::uint64_t offset, std::uint64_t bytes) noexcept;
    // Gives the storage of whole pages in the range back to the system; it reads as zeros afterwards.
    void release(std::uint64_t offset, std::uint64_t bytes) noexcept;
    // Makes the file longer. The mapping stays as it is; map_range reaches the new part.
    SegmentStatus extend(std::uint64_t file_bytes) noexcept;
    // A mapping of its own for a part of the file, which must lie within it.
    SegmentStatus map_range(std::uint64_t offset, std::uint64_t bytes, bip::mode_t mode,
                            bip::mapped_region& region) const noexcept;
    // Size of the file now; 0 if it cannot be told.
    std::uint64_t file_bytes() const noexcept;

    // Removes the name, if it still belongs to this very file.
    void unlink() noexcept;
    // Unmaps and closes; the name stays.
    void close() noexcept;

    bool is_open() const noexcept { return region_.get_address() != nullptr; }
    std::byte* data() const noexcept { return static_cast<std::byte*>(region_.get_address()); }
    std::uint64_t bytes() const noexcept { return region_.get_size(); }
    int fd() const noexcept { return file_.fd(); }
    const std::string& name() const noexcept { return name_; }
    std::uint32_t owner_uid() const noexcept { return owner_uid_; }
    std::uint64_t inode() const noexcept { return inode_; }
    std::uint64_t device() const noexcept { return device_; }
    // Whether a descriptor is open on this very file: the program may have closed ours, and its number be another's now.
    bool is_open_on(int fd) const noexcept;
    // Opens the file once more by its name, after the program closed our descriptor. False if the name leads elsewhere.
    bool reopen() noexcept;

    // An open-file-description lock on a byte, see record_lock.hpp; for as long as this is open. Through a descriptor that
    // nothing was mapped with: a mapping keeps its description, and the lock with it, while anybody reads /proc/PID/maps of a
    // process that has died. `permission_denied` if somebody else holds it, `absent` if the name leads elsewhere.
    SegmentStatus lock(std::int64_t byte) noexcept;

    template <class T>
    T* at(std::uint64_t offset) const noexcept {
        return reinterpret_cast<T*>(data() + offset);
    }

private:
    SegmentStatus map(bip::mode_t mode, std::uint64_t bytes) noexcept;
    void remember(const struct stat& info) noexcept;

    SharedFile file_;
    bip::mapped_region region_;
    std::string name_;
    std::uint32_t owner_uid_ = 0;
    std::uint64_t inode_ = 0;
    std::uint64_t device_ = 0;
};

// Makes a regular file of that name at least so long, of zeros. False with errno set.
bool lengthen_file(const std::string& name, std::uint64_t bytes) noexcept;

// Removes whatever has the name, be it an empty directory that somebody put there. False with errno set.
bool remove_file(const std::string& name) noexcept;

// Whether `name` still leads to that inode.
bool leads_to(const std::string& name, std::uint64_t device, std::uint64_t inode) noexcept;

}  // namespace trackshm::shm
