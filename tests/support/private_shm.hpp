// SPDX-License-Identifier: Apache-2.0
//
// A /dev/shm of its own, as small as a test wants it: this process, and what it starts meanwhile, see no other.
#pragma once

#include <cstdint>
#include <string>

namespace trackshm::test {

class PrivateShm {
public:
    // `options` are those of mount for a tmpfs: "size=64k". Needs root; see is_possible.
    explicit PrivateShm(const std::string& options);
    ~PrivateShm();
    PrivateShm(const PrivateShm&) = delete;
    PrivateShm& operator=(const PrivateShm&) = delete;

    // Whether mount namespaces can be made here.
    static bool is_possible();

    // Takes all room but about `left_bytes`, and gives it back.
    void fill(std::uint64_t left_bytes = 0);
    void make_room();
    std::uint64_t free_bytes() const;

private:
    int outer_namespace_ = -1;
    int root_ = -1;  // going back into a namespace leads to its root, not to that of a chroot
    int working_directory_ = -1;
};

}  // namespace trackshm::test
