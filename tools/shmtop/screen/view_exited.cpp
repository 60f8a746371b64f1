// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/view_exited.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/units.hpp"
#include "common/users.hpp"
#include "shmtop/summary.hpp"

namespace trackshm::tools {
namespace {

bool before(const stats::Exited& a, const stats::Exited& b, std::string_view key) {
    if (key == "leaked") return a.leaked_bytes > b.leaked_bytes;
    if (key == "peak") return a.peak_bytes > b.peak_bytes;
    if (key == "pid") return a.pid < b.pid;
    if (key == "comm") return a.comm < b.comm;
    return a.end_unix_ns > b.end_unix_ns;
}

bool is_orderly(const stats::Exited& ended) { return ended.exact && (ended.clean || ended.called_exec); }

ListRow row_of(const stats::Exited& ended, const stats::Snapshot& snapshot, ByteUnit unit) {
    const bool has_leaked = ended.leaked_bytes != 0 || ended.leaked_buffers != 0;
    const Tone tone = has_leaked ? Tone::warning : Tone::normal;
    ListRow row{fmt::format("{}/{}", ended.pid, ended.end_unix_ns), {}, {}};
    row.cells = {
        {format_duration(age_ns(snapshot.time_unix_ns, ended.end_unix_ns))},
        {pid_text(ended.pid)},
        {user_name(ended.uid)},
        {ended.comm, tone},
        {format_bytes(ended.leaked_bytes, unit), tone},
        {std::to_string(ended.leaked_buffers), tone},
        {format_bytes(ended.peak_bytes, unit)},
        {fmt::format("{}{}", end_text(ended), ended.exact ? "" : ", events lost"),
         is_orderly(ended) ? Tone::normal : Tone::warning},
        {date_text(ended.end_unix_ns)},
    };
    return row;
}

}  // namespace

ListModel exited_list(const ScreenInput& input, const UiState& state) {
    const ViewSettings& view = state.settings.of(ViewId::exited);
    const std::string_view key = traits_of(ViewId::exited).sort_keys[view.sort];
    std::vector<const stats::Exited*> listed;
    for (const stats::Exited& ended : input.snapshot.exited) listed.push_back(&ended);
    std::stable_sort(listed.begin(), listed.end(), [&](const auto* a, const auto* b) { return before(*a, *b, key); });
    if (view.inverted) std::reverse(listed.begin(), listed.end());

    ListModel model;
    const std::size_t bytes = bytes_width(state.settings.unit);
    model.columns = {{.title = "AGO", .width = 6, .sort_key = "ended"},
                     {.title = "PID", .width = 7, .sort_key = "pid"},
                     {.title = "USER", .width = 8, .align = Align::left, .rank = 2},
                     {.title = "COMMAND", .width = 15, .align = Align::left, .sort_key = "comm"},
                     {.title = "LEAKED", .width = bytes, .sort_key = "leaked"},
                     {.title = "BUFFERS", .width = 7, .rank = 1},
                     {.title = "PEAK", .width = bytes, .rank = 3, .sort_key = "peak"},
                     {.title = "END", .width = 6, .align = Align::left, .growth = 13},
                     {.title = "AT", .width = 19, .align = Align::left, .rank = 4}};
    for (const stats::Exited* ended : listed) model.rows.push_back(row_of(*ended, input.snapshot, state.settings.unit));
    if (const stats::ExitedTotals& all = input.snapshot.exited_totals; all.processes != 0) {
        model.notes.push_back(fmt::format("{} ended in all, leaking {} in {}", all.processes,
                                          format_bytes(all.leaked_bytes, state.settings.unit),
                                          format_count(all.leaked_buffers, "buffer")));
    }
    model.when_empty = input.when_empty("no tracked process has ended yet");
    return model;
}

}  // namespace trackshm::tools
