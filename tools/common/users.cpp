// SPDX-License-Identifier: Apache-2.0
#include "common/users.hpp"

#include <pwd.h>

#include <map>

#include "common/text.hpp"

namespace trackshm::tools {

std::string user_name(std::uint32_t uid) {
    static std::map<std::uint32_t, std::string> known;  // a look-up may read files or ask the network
    const auto found = known.find(uid);
    if (found != known.end()) return found->second;
    const passwd* entry = getpwuid(uid);
    return known[uid] = entry != nullptr ? printable(entry->pw_name) : std::to_string(uid);
}

}  // namespace trackshm::tools
