// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/view_buffers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/units.hpp"
#include "common/users.hpp"
#include "shmtop/summary.hpp"

namespace trackshm::tools {
namespace {

bool before(const HeldBuffer& a, const HeldBuffer& b, std::string_view key) {
    if (key == "age") return a.buffer.age_ns > b.buffer.age_ns;
    if (key == "device") return a.buffer.device < b.buffer.device;
    if (key == "pid") return a.pid < b.pid;
    if (key == "id") return a.buffer.id < b.buffer.id;
    return a.buffer.size_bytes > b.buffer.size_bytes;
}

// When and how completely it was looked.
std::vector<std::string> notes_on(const TopBuffers& top, std::uint64_t now_unix_ns) {
    std::vector<std::string> notes;
    notes.push_back(fmt::format("the largest {} of {}, {} in all, seen {} ago in {}", top.buffers.size(),
                                format_count(top.buffers_seen, "live buffer"), format_bytes(top.bytes_seen),
                                format_duration(age_ns(now_unix_ns, top.time_unix_ns)),
                                format_duration(top.duration_ns)));
    if (top.unreadable_tables != 0) {
        notes.push_back(fmt::format("permission denied: {} left out, run shmtop as the aggregator's user to see all",
                                    format_count(top.unreadable_tables, "process table")));
    }
    if (top.foreign_tables != 0) {
        notes.push_back(fmt::format("{} of another layout version left out: use the aggregator's release of shmtop",
                                    format_count(top.foreign_tables, "process table")));
    }
    if (top.changing_tables != 0) {
        notes.push_back(fmt::format("{} changed while it was looked at: those lists are of several moments",
                                    format_count(top.changing_tables, "process table")));
    }
    return notes;
}

ListRow row_of(const HeldBuffer& held, const UiState& state) {
    ListRow row{fmt::format("{}/{}", held.pid, held.buffer.sequence), {}, {}};
    row.cells = {
        {format_bytes(held.buffer.size_bytes, state.settings.unit)},
        {fmt::format("{:#x}", held.buffer.id)},
        {std::to_string(held.buffer.device)},
        {std::string{stats::type_name(held.buffer.type)}},
        {pid_text(held.pid)},
        {user_name(held.uid)},
        {held.comm},
        {format_duration(held.buffer.age_ns)},
    };
    return row;
}

}  // namespace

ListModel buffers_list(const ScreenInput& input, const UiState& state) {
    ListModel model;
    model.columns = {{.title = "SIZE", .width = bytes_width(state.settings.unit), .sort_key = "size"},
                     {.title = "ID", .width = 18, .sort_key = "id"},
                     {.title = "DEVICE", .width = 6, .sort_key = "device"},
                     {.title = "TYPE", .width = 6, .align = Align::left},
                     {.title = "PID", .width = 7, .sort_key = "pid"},
                     {.title = "USER", .width = 8, .align = Align::left, .rank = 1},
                     {.title = "COMMAND", .width = 15, .align = Align::left},
                     {.title = "AGE", .width = 6, .sort_key = "age"}};
    if (input.extras.buffers == nullptr) {
        model.when_empty = input.extras.why_no_buffers;
        return model;
    }
    const TopBuffers& top = *input.extras.buffers;
    const ViewSettings& view = state.settings.of(ViewId::buffers);
    const std::string_view key = traits_of(ViewId::buffers).sort_keys[view.sort];
    std::vector<const HeldBuffer*> all;
    for (const HeldBuffer& held : top.buffers) all.push_back(&held);
    std::stable_sort(all.begin(), all.end(), [&](const auto* a, const auto* b) { return before(*a, *b, key); });
    if (view.inverted) std::reverse(all.begin(), all.end());
    for (const HeldBuffer* held : all) model.rows.push_back(row_of(*held, state));
    fit_to_cells(model, 1, 6, 18, 18, state.charset);
    fit_to_cells(model, 3, 6, 8, 15, state.charset);
    fit_to_cells(model, 6, 7, 8, 15, state.charset);
    model.notes = notes_on(top, input.snapshot.time_unix_ns);
    model.when_empty = input.when_empty("no buffer is live");
    return model;
}

}  // namespace trackshm::tools
