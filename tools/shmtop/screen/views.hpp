// SPDX-License-Identifier: Apache-2.0
//
// Which views there are, what each can be sorted by, and which sets of columns it has.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace trackshm::tools {

enum class ViewId : std::size_t { devices, processes, buffers, exited, sizes };
inline constexpr std::size_t view_count = 5;

struct ViewTraits {
    std::string_view name;                         // in the settings file
    std::string_view title;                        // on the screen
    std::span<const std::string_view> sort_keys;   // the first is the default
    std::span<const std::string_view> column_sets; // the same
    bool has_panel = false;                        // there is more to say about a row
};

const ViewTraits& traits_of(ViewId view) noexcept;

inline constexpr std::size_t index_of(ViewId view) noexcept { return static_cast<std::size_t>(view); }
// `step` places on in a ring of `count`.
std::size_t step_index(std::size_t index, std::size_t count, std::ptrdiff_t step) noexcept;
ViewId next_view(ViewId view, std::ptrdiff_t step) noexcept;

// Index of a name in a list of names.
std::optional<std::size_t> find_name(std::span<const std::string_view> names, std::string_view name) noexcept;

}  // namespace trackshm::tools
