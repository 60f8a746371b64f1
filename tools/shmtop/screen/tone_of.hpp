// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "shmtop/screen/canvas.hpp"
#include "shmtop/screen/settings.hpp"

namespace trackshm::tools {

// Of a memory that is used to that part; nothing: its capacity is not known.
inline Tone tone_of_ratio(std::optional<double> ratio, const Settings& settings) noexcept {
    if (!ratio) return Tone::normal;
    if (*ratio * 100 >= settings.critical_percent) return Tone::critical;
    return *ratio * 100 >= settings.warning_percent ? Tone::warning : Tone::good;
}

}  // namespace trackshm::tools
