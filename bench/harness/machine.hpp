// SPDX-License-Identifier: Apache-2.0
//
// The machine a result belongs to, and pinning to its cores.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

namespace trackshm::bench {

// CPU model, cores, kernel, compiler, build type, commit, date, and what one look at the clock costs here.
nlohmann::ordered_json describe_machine();
std::string banner(const nlohmann::ordered_json& machine);

// Roles are pinned apart: the process that reports runs on the first allowed core, the one that consumes on the second.
enum class Core : unsigned { producer = 0, consumer = 1 };

// Pins the calling thread. With one allowed core, or where pinning is forbidden, nothing happens. Async-signal-safe.
void pin_to(Core core) noexcept;
void pin_to_core(unsigned index) noexcept;  // of the allowed ones, counted round
unsigned allowed_cores() noexcept;

std::uint64_t free_shm_bytes() noexcept;

}  // namespace trackshm::bench
