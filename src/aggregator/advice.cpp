// SPDX-License-Identifier: Apache-2.0
#include "aggregator/advice.hpp"

#include <cerrno>
#include <cstring>

namespace trackshm::aggregator {
namespace {

const char* remedy(int error) noexcept {
    switch (error) {
        case ENOSPC:
        case EDQUOT:
            return "; remove what fills /dev/shm or enlarge it: mount -o remount,size=1G /dev/shm, docker run --shm-size 1g";
        case EROFS: return "; /dev/shm is mounted read-only: mount -o remount,rw /dev/shm";
        case EMFILE: return "; raise the limit of open files: ulimit -n";
        case ENFILE: return "; raise the system's limit of open files: sysctl fs.file-max";
        case ENOMEM: return "; free memory, or raise the limit of address space: ulimit -v";
        case EFBIG: return "; raise the limit of file size: ulimit -f";
        case EEXIST: return "; another user's file in /dev/shm has the name it needs: have it removed";
        case ENOTSUP: return "; its segment is damaged, of another layout version (use one release of trackshm) or of another boot";
        case EACCES:
        case EPERM: return "; run as a user who may write to /dev/shm";
        default: return "";
    }
}

}  // namespace

std::string reason_and_remedy(int error) { return std::string(std::strerror(error)) + remedy(error); }

}  // namespace trackshm::aggregator
