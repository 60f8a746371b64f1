// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/views.hpp"

#include <algorithm>

namespace trackshm::tools {
namespace {

using Name = std::string_view;

constexpr std::array<Name, 6> device_sort_keys = {"device", "live", "used", "peak", "buffers", "rate"};
constexpr std::array<Name, 7> process_sort_keys = {"live", "peak", "buffers", "pid", "user", "comm", "device"};
constexpr std::array<Name, 5> buffer_sort_keys = {"size", "age", "device", "pid", "id"};
constexpr std::array<Name, 5> exited_sort_keys = {"ended", "leaked", "peak", "pid", "comm"};
constexpr std::array<Name, 3> size_sort_keys = {"size", "live", "allocated"};

constexpr std::array<Name, 3> device_column_sets = {"memory", "rates", "totals"};
constexpr std::array<Name, 3> process_column_sets = {"memory", "devices", "events"};
constexpr std::array<Name, 1> only_column_set = {"all"};

constexpr std::array<ViewTraits, view_count> traits = {{
    {"devices", "Devices", device_sort_keys, device_column_sets, true},
    {"processes", "Processes", process_sort_keys, process_column_sets, true},
    {"buffers", "Buffers", buffer_sort_keys, only_column_set},
    {"exited", "Exited", exited_sort_keys, only_column_set},
    {"sizes", "Sizes", size_sort_keys, only_column_set},
}};

}  // namespace

const ViewTraits& traits_of(ViewId view) noexcept { return traits[index_of(view)]; }

std::size_t step_index(std::size_t index, std::size_t count, std::ptrdiff_t step) noexcept {
    const auto size = static_cast<std::ptrdiff_t>(count);
    return static_cast<std::size_t>((static_cast<std::ptrdiff_t>(index) + step % size + size) % size);
}

ViewId next_view(ViewId view, std::ptrdiff_t step) noexcept {
    return static_cast<ViewId>(step_index(index_of(view), view_count, step));
}

std::optional<std::size_t> find_name(std::span<const std::string_view> names, std::string_view name) noexcept {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return std::nullopt;
    return static_cast<std::size_t>(found - names.begin());
}

}  // namespace trackshm::tools
